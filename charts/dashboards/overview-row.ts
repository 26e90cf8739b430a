import { suspectAlerts } from '../../src/contract/alerts.ts';
import { judgementMetrics } from '../../src/contract/metrics/judgement-metrics.ts';
import { dnsMetrics, networkMetrics } from '../../src/contract/metrics/probe-metrics.ts';
import { resourceMetrics } from '../../src/contract/metrics/resource-metrics.ts';
import { clickedValue, runbookAnchor, runbooks } from './links.ts';
import { type Panel, stat, stateTimeline, table, timeSeries } from './panels.ts';
import {
  eachPoint,
  failureRatio,
  latencyQuantile,
  maxBy,
  type Probe,
  resourceKey,
  seriesOf,
  sumBy,
  wholeRange,
} from './promql.ts';
import { plainSteps, successSteps, suspectSteps } from './scales.ts';

const suspects = maxBy([...resourceKey, 'kind', 'name', 'reason'], seriesOf(judgementMetrics.suspect.name));
const judged = seriesOf(judgementMetrics.judged.name);
const resource = '{{namespace}}/{{netexporter}}';

/** What is at fault, and how DNS and the network do as a whole. */
export function overviewRow(): Panel[] {
  return [
    stat({
      title: 'Suspects',
      description:
        'Parts of the network and of DNS that the operator holds to be at fault: nodes, links, Service paths, zones, pairs of zones, DNS servers and names. `Not judged`: no operator leads, or Prometheus does not scrape it.',
      unit: 'none',
      width: 4,
      height: 4,
      noValue: 'Not judged',
      steps: suspectSteps,
      queries: [{ expression: `sum(${suspects}) or 0 * max(${judged})`, legend: 'Suspects' }],
    }),
    stat({
      title: 'Agents by state',
      description:
        'Nodes that should run an agent (desired), and agents that are ready, have the newest settings (configured) and have called the operator in the last 45 seconds (reporting).',
      unit: 'none',
      width: 6,
      height: 4,
      steps: plainSteps,
      queries: [{ expression: byState(resourceMetrics.agents.name), legend: '{{state}}' }],
    }),
    stat({
      title: 'Links by state',
      description: 'Pairs of an agent and a peer that it probes, as the operator judges them.',
      unit: 'none',
      width: 6,
      height: 4,
      steps: plainSteps,
      queries: [{ expression: byState(judgementMetrics.links.name), legend: '{{state}}' }],
    }),
    successStat('DNS lookups that succeed', 'DNS lookups', dnsMetrics),
    successStat('Network probes that succeed', 'TCP handshakes and UDP echoes', networkMetrics),
    table({
      title: 'Suspects now',
      description:
        'What the operator holds to be at fault, and why. Empty while nothing is. The evidence with numbers is in `kubectl get nx -o wide` and in status.suspects.',
      unit: 'none',
      width: 14,
      noValue: 'No suspects',
      expressions: [withRunbook(suspects)],
      columns: [
        { field: 'namespace', title: 'Namespace' },
        { field: 'netexporter', title: 'NetExporter' },
        { field: 'kind', title: 'Kind' },
        { field: 'name', title: 'Name' },
        { field: 'reason', title: 'Reason' },
        {
          field: 'runbook',
          title: 'Runbook',
          link: { title: 'Open the runbook', url: `${runbooks}#${clickedValue}` },
        },
      ],
    }),
    table({
      title: 'Conditions',
      description: 'Status of each condition of the NetExporters. `kubectl describe nx` shows its reason and message.',
      unit: 'none',
      width: 10,
      expressions: [`${maxBy([...resourceKey, 'type', 'status'], seriesOf(resourceMetrics.condition.name))} == 1`],
      columns: [
        { field: 'namespace', title: 'Namespace' },
        { field: 'netexporter', title: 'NetExporter' },
        { field: 'type', title: 'Condition' },
        { field: 'status', title: 'Status' },
      ],
    }),
    stateTimeline({
      title: 'Suspects over time',
      description: 'When which part was a suspect. Empty while there was none.',
      unit: 'none',
      width: 24,
      height: 6,
      noValue: 'No suspects',
      texts: { 1: { text: 'suspect', color: 'red' } },
      query: { expression: suspects, legend: '{{kind}} {{name}}: {{reason}}' },
    }),
    failures('DNS failures', 'DNS lookups', dnsMetrics),
    latency('DNS latency', 'DNS lookups', dnsMetrics),
    failures('Network failures', 'TCP handshakes and UDP echoes', networkMetrics),
    latency('Network latency', 'TCP handshakes and UDP echoes', networkMetrics),
  ];
}

/** Both replicas may show a NetExporter for a moment while the leader changes. */
function byState(metric: string): string {
  return sumBy(['state'], maxBy([...resourceKey, 'state'], seriesOf(metric)));
}

/** A label for the column that links to the runbook: anchors are in lower case. */
function withRunbook(expression: string): string {
  return Object.entries(suspectAlerts).reduce(
    (query, [kind, alert]) => `label_replace(${query}, "runbook", "${runbookAnchor(alert)}", "kind", "${kind}")`,
    expression,
  );
}

function successStat(title: string, what: string, probe: Probe): Panel {
  return stat({
    title,
    description: `Share of all ${what} that succeeded in the time range.`,
    unit: 'percentunit',
    width: 4,
    height: 4,
    steps: successSteps,
    queries: [{ expression: `1 - ${failureRatio(wholeRange, probe, { by: [] })}`, legend: 'Success' }],
  });
}

function failures(title: string, what: string, probe: Probe): Panel {
  return timeSeries({
    title,
    description: `Share of ${what} of all agents that failed.`,
    unit: 'percentunit',
    width: 6,
    queries: [{ expression: failureRatio(eachPoint, probe, { by: resourceKey }), legend: resource }],
  });
}

function latency(title: string, what: string, probe: Probe): Panel {
  return timeSeries({
    title,
    description: `Median and 99th percentile of the latency of successful ${what} of all agents.`,
    unit: 's',
    width: 6,
    queries: [0.5, 0.99].map((quantile) => ({
      expression: latencyQuantile(quantile, eachPoint, probe, { by: resourceKey }),
      legend: `p${quantile * 100} ${resource}`,
    })),
  });
}
