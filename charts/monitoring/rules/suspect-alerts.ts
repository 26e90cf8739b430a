import { suspectAlerts } from '../../../src/contract/alerts.ts';
import { judgementMetrics } from '../../../src/contract/metrics/judgement-metrics.ts';
import { suspectRemedies } from '../../../src/contract/suspect-remedies.ts';
import { type SuspectKind, suspectKinds } from '../../../src/contract/suspects.ts';
import { by, series } from './promql.ts';
import { type AlertRule, alertRule } from './rule.ts';
import type { RuleScope } from './scope.ts';

/** For so long a new leader may need until it exposes what the one before it found. */
export const leaderChange = '5m';

const summaries: Record<SuspectKind, string> = {
  Node: 'The network of a node is at fault.',
  Link: 'A link between two nodes, or to a DNS server, is at fault.',
  ServicePath: 'A node cannot use ClusterIPs.',
  ZonePair: 'The network between two zones is at fault.',
  Zone: 'The network of a zone is at fault.',
  DNSServer: 'A DNS server is at fault.',
  Host: 'A name cannot be resolved at any DNS server.',
};

/** What the operator has judged, an alert for each suspect. The reason is no label: it may change. */
export function suspectRules(scope: RuleScope): AlertRule[] {
  return suspectKinds.map((kind) =>
    alertRule(suspectAlerts[kind], {
      expr: `max ${by('kind', 'name')} (${series(scope, judgementMetrics.suspect.name, `kind="${kind}"`)}) > 0`,
      for: '1m',
      keepFiringFor: leaderChange,
      summary: summaries[kind],
      description: `The NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }} has the suspect {{ $labels.kind }} {{ $labels.name }}. ${suspectRemedies[kind]} Its status has the evidence.`,
    }),
  );
}
