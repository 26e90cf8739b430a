import { settingsMetrics } from '../../../src/contract/metrics/agent-metrics.ts';
import { networkMetrics } from '../../../src/contract/metrics/probe-metrics.ts';
import { recordedMetrics as recorded } from '../../../src/contract/metrics/recorded-metrics.ts';
import {
  attempts,
  byAgents,
  failureRatio,
  lookups,
  networkProbes,
  ofClusterNames,
  ofPeers,
  quantile,
  type RateSum,
  rateBy,
  rateOfAnsweringLinks,
  successRatio,
} from './probe-series.ts';
import { by, parens, series, within } from './promql.ts';
import type { RecordingRule } from './rule.ts';
import type { RuleScope } from './scope.ts';

/** Success and latency of DNS lookups by server and by name. */
export function dnsRecordings(scope: RuleScope): RecordingRule[] {
  const byServer = rateBy(scope, ['server']);
  const byHost = rateBy(scope, ['host']);
  return [
    { record: recorded.dnsSuccessByServer, expr: successRatio(byServer, lookups) },
    { record: recorded.dnsP50ByServer, expr: quantile(0.5, byServer, lookups) },
    { record: recorded.dnsP99ByServer, expr: quantile(0.99, byServer, lookups) },
    { record: recorded.dnsSuccessByHost, expr: successRatio(byHost, lookups) },
    { record: recorded.dnsP50ByHost, expr: quantile(0.5, byHost, lookups) },
    { record: recorded.dnsP99ByHost, expr: quantile(0.99, byHost, lookups) },
  ];
}

/** How much of the budget of failed lookups is used. */
export function dnsBudgetRecordings(scope: RuleScope): RecordingRule[] {
  const all = rateBy(scope, []);
  const ratio = (sum: RateSum) => failureRatio(sum, lookups);
  return [
    { record: recorded.dnsErrorsByAgent, expr: ratio(rateBy(scope, ['pod'])) },
    { record: recorded.dnsClusterErrorsByAgent, expr: ofClusterNames(scope, ['pod'], ratio) },
    { record: recorded.dnsClusterErrors5m, expr: ofClusterNames(scope, [], ratio) },
    { record: recorded.dnsClusterErrors1h, expr: ofClusterNames(scope, [], hourlyRatio) },
    { record: recorded.dnsFailures, expr: all(lookups.errors.name, '5m') },
    { record: recorded.dnsAttempts, expr: attempts(all, lookups) },
    { record: recorded.dnsErrors30m, expr: longRatio(scope, 30) },
    { record: recorded.dnsErrors6h, expr: longRatio(scope, 360) },
  ];
}

/**
 * Failures of an hour for each attempt. While there is less than an hour of data, the attempts of a whole hour are
 * those of five minutes twelve times: a few failures right after the start are not many.
 */
function hourlyRatio(sum: RateSum): string {
  const [hour, now] = ['1h', '5m'].map((window) => attempts(sum, lookups, window));
  const expected = parens(`${parens(`${hour} >= ${now}`)}\nor\n${now}`);
  return [sum(lookups.errors.name, '1h'), '/', parens(`${expected} > 0`)].join('\n');
}

/** The same from recorded series, because rates over hours of all agents are expensive. */
function longRatio(scope: RuleScope, minutes: number): string {
  const window = `[${minutes}m:1m]`;
  const failures = `sum_over_time(${series(scope, recorded.dnsFailures)}${window}) / ${minutes}`;
  return [failures, '/', `(avg_over_time(${series(scope, recorded.dnsAttempts)}${window}) > 0)`].join('\n');
}

/** Loss and latency of the pod network by pair of zones, and by node in both directions. */
export function networkRecordings(scope: RuleScope): RecordingRule[] {
  const all = (labels: readonly string[]) => rateBy(scope, labels, ofPeers);
  const answering = (labels: readonly string[]) => rateOfAnsweringLinks(scope, labels, ofPeers);
  const byZonePair = byAgents(scope, 'zone', ['peer_zone'], all);
  const lossy = byAgents(scope, 'zone', ['peer_zone'], answering);
  const out = byAgents(scope, 'node', [], all);
  const into = rateBy(scope, ['peer_node'], ofPeers);
  return [
    { record: recorded.agents, expr: agentsWithNodes(scope) },
    { record: recorded.probesByZonePair, expr: attempts(byZonePair, networkProbes) },
    { record: recorded.lossByZonePair, expr: failureRatio(byZonePair, networkProbes) },
    { record: recorded.networkP50ByZonePair, expr: quantile(0.5, byZonePair, networkProbes) },
    { record: recorded.networkP90ByZonePair, expr: quantile(0.9, byZonePair, networkProbes) },
    { record: recorded.networkP99ByZonePair, expr: quantile(0.99, byZonePair, networkProbes) },
    { record: recorded.retransmitsByZonePair, expr: retransmitRatio(scope) },
    { record: recorded.partialLossByZonePair, expr: failureRatio(lossy, networkProbes) },
    { record: recorded.lossOut, expr: failureRatio(out, networkProbes) },
    { record: recorded.networkP50Out, expr: quantile(0.5, out, networkProbes) },
    { record: recorded.networkP99Out, expr: quantile(0.99, out, networkProbes) },
    { record: recorded.lossIn, expr: failureRatio(into, networkProbes) },
    { record: recorded.networkP50In, expr: quantile(0.5, into, networkProbes) },
    { record: recorded.networkP99In, expr: quantile(0.99, into, networkProbes) },
    { record: recorded.failingLinks, expr: failingLinks(scope) },
  ];
}

/** Node and zone of each agent. An agent that two scrape configurations find counts once. */
function agentsWithNodes(scope: RuleScope): string {
  const agents = `max ${by('pod', 'agent_node', 'agent_zone')} (${series(scope, settingsMetrics.info.name)})`;
  const withNode = `label_replace(${agents}, "node", "$1", "agent_node", "(.*)")`;
  return `max ${by('pod', 'node', 'zone')} (label_replace(${withNode}, "zone", "$1", "agent_zone", "(.*)"))`;
}

function retransmitRatio(scope: RuleScope): string {
  const handshakes = byAgents(scope, 'zone', ['peer_zone'], (labels) =>
    rateOfAnsweringLinks(scope, labels, ofPeers, 'protocol="TCP"'),
  );
  const retransmits = handshakes(networkMetrics.retransmits.name, '5m');
  return [retransmits, '/', parens(`${attempts(handshakes, networkProbes)} > 0`)].join('\n');
}

/** A link fails with at least two failures, and `spec.health.failureRatio` of its probes. */
function failingLinks(scope: RuleScope): string {
  const ofLink = rateBy(scope, ['pod', 'host']);
  const failures = parens(`${ofLink(networkProbes.errors.name, '5m')} * 300 >= bool 2`);
  const isOften = parens(`${failureRatio(ofLink, networkProbes)} >= bool ${scope.thresholds.failureRatio}`);
  const failing = `sum ${by('pod')} (\n${within([failures, '*', isOften].join('\n'))}\n)`;
  const links = `count ${by('pod')} (\n${within(`${attempts(ofLink, networkProbes)} > 0`)}\n)`;
  return [failing, '/', links].join('\n');
}
