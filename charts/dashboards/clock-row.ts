import { ntpMetrics } from '../../src/contract/metrics/probe-metrics.ts';
import { type Panel, timeSeries } from './panels.ts';
import { aggregate, changeOf, eachPoint, highest, latencyQuantile, ofChosenAgents, seriesOf } from './promql.ts';

/** What panels show instead of `No data`. */
const noValue = 'No data (needs spec.ntp.enabled)';
const onlyWithNtp = 'Only while spec.ntp is enabled.';
const worst = 20;
const byServer = { by: ['server'], chosenAgents: true };
const offsets = ofChosenAgents(seriesOf(ntpMetrics.offset.name));

/** The nodes' clocks, against time servers. */
export function clockRow(): Panel[] {
  return [
    timeSeries({
      title: 'Clock offset by node',
      description: `Median over the time servers of the distance between a node's clock and the server's, of the ${worst} nodes that are off most. One node alone has a wrong clock. ${onlyWithNtp}`,
      noValue,
      unit: 's',
      width: 12,
      queries: [{ expression: highest(worst, median('agent_node', `abs(${offsets})`)), legend: '{{agent_node}}' }],
    }),
    timeSeries({
      title: 'Clock offset by time server',
      description: `Median over the nodes of the offset of a time server's clock. Positive: the nodes are behind it. One server alone has a wrong clock. ${onlyWithNtp}`,
      noValue,
      unit: 's',
      width: 12,
      queries: [{ expression: median('server', offsets), legend: '{{server}}' }],
    }),
    timeSeries({
      title: 'NTP failures by server and reason',
      description: `Failed NTP requests per second by time server and reason. Empty while none fails. ${onlyWithNtp}`,
      unit: 'ops',
      width: 8,
      noValue: 'No failed NTP requests',
      queries: [
        {
          expression: `${changeOf(eachPoint, ntpMetrics.failures.name, { ...byServer, by: ['server', 'reason'] })} > 0`,
          legend: '{{server}} {{reason}}',
        },
      ],
    }),
    timeSeries({
      title: 'p99 round trip by time server',
      description: `99th percentile of the round-trip time of NTP requests. The error of an offset is at most half of it. ${onlyWithNtp}`,
      noValue,
      unit: 's',
      width: 8,
      queries: [
        {
          expression: latencyQuantile(
            0.99,
            eachPoint,
            { latency: ntpMetrics.latency, errors: ntpMetrics.errors },
            byServer,
          ),
          legend: '{{server}}',
        },
      ],
    }),
    timeSeries({
      title: 'Stratum',
      description: `Highest stratum of each time server: 1 has a reference clock of its own, each server in between adds one. ${onlyWithNtp}`,
      noValue,
      unit: 'none',
      width: 8,
      queries: [
        {
          expression: aggregate('max', ['server'], ofChosenAgents(seriesOf(ntpMetrics.stratum.name))),
          legend: '{{server}}',
        },
      ],
    }),
  ];
}

function median(label: string, expression: string): string {
  return `quantile by (${label}) (0.5, ${expression})`;
}
