import { judgementMetrics } from '../../../src/contract/metrics/judgement-metrics.ts';
import { recordedMetrics as recorded } from '../../../src/contract/metrics/recorded-metrics.ts';
import { failureRatio, lookups, networkProbes, ofClusterNames, ofPeers, rateBy } from './probe-series.ts';
import { by, on, parens, series, within } from './promql.ts';
import { type AlertRule, alertRule } from './rule.ts';
import type { RuleScope } from './scope.ts';

/** Alerts from the agents' metrics that replace those about suspects while the operator does not judge. */
export function fallbackAlerts(scope: RuleScope): AlertRule[] {
  return [
    alertRule('NetExporterNodeCutOff', {
      expr: [parens(`${inbound(scope)}\nor\n${outbound(scope)}`), unlessJudged(scope)].join('\n'),
      for: '2m',
      summary: 'A node is cut off from the pod network, and no operator judges.',
      description:
        '{{ $value | humanizePercentage }} of the probes to or from the node {{ $labels.node }} of the NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }} fail.',
    }),
    alertRule('NetExporterDNSServerFailing', {
      expr: [dnsServers(scope), unlessJudged(scope)].join('\n'),
      for: '2m',
      summary: 'A DNS server fails, and no operator judges.',
      description:
        '{{ $value | humanizePercentage }} of the lookups at the DNS server {{ $labels.server }} of the NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }} fail.',
    }),
  ];
}

/** Silent while the operator judges, so that no fault has two alerts. */
function unlessJudged(scope: RuleScope): string {
  const judged = `max ${by()} (${series(scope, judgementMetrics.judged.name)})`;
  return `unless ${on()} (time() - ${judged} < 60)`;
}

/** Nodes that nearly no probe reaches, of at least two other nodes. */
function inbound(scope: RuleScope): string {
  const failing = failureRatio(rateBy(scope, ['pod', 'peer_node'], ofPeers), networkProbes);
  const witnesses = `count ${by('peer_node')} (\n${within(`${failing}\n> 0.5`)}\n) > 1`;
  const expr = `${series(scope, recorded.lossIn)} > 0.9\nand ${on('peer_node')} ${parens(witnesses)}`;
  const renamed = `label_replace(\n${within(expr)},\n  "node", "$1", "peer_node", "(.*)"\n)`;
  return `max ${by('node')} (\n${within(renamed)}\n)`;
}

/** Nodes whose agent reaches nearly nothing, of at least two other nodes. */
function outbound(scope: RuleScope): string {
  const failing = failureRatio(rateBy(scope, ['pod', 'peer_node'], ofPeers), networkProbes);
  const agents = `count ${by('pod')} (\n${within(`${failing}\n> 0.5`)}\n) > 1`;
  const nodes = `${series(scope, recorded.agents)} and ${on('pod')} ${parens(agents)}`;
  return `${series(scope, recorded.lossOut)} > 0.9\nand ${on('node')} ${parens(nodes)}`;
}

/** Servers at which most lookups fail, for at least two agents. */
function dnsServers(scope: RuleScope): string {
  const failing = (labels: string[]) =>
    `${parens(ofClusterNames(scope, labels, (sum) => failureRatio(sum, lookups)))} > 0.5`;
  const witnesses = `count ${by('server')} (\n${within(failing(['pod', 'server']))}\n) > 1`;
  return `${failing(['server'])}\nand ${on('server')} ${parens(witnesses)}`;
}
