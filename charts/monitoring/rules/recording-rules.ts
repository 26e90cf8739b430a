import { settingsMetrics } from '../../../src/contract/metrics/agent-metrics.ts';
import { networkMetrics } from '../../../src/contract/metrics/probe-metrics.ts';
import { type RecordedMetric, recordedMetrics as recorded } from '../../../src/contract/metrics/recorded-metrics.ts';
import {
  attempts,
  byAgents,
  failureRatio,
  longRatio,
  lookups,
  networkProbes,
  ofClusterNames,
  ofPeers,
  quantile,
  type RateSum,
  rateBy,
  rateOfAnsweringLinks,
  ratio,
} from './probe-series.ts';
import { by, parens, series, within } from './promql.ts';
import type { RecordingRule } from './rule.ts';
import type { RuleScope } from './scope.ts';

const record = (name: RecordedMetric, expr: string): RecordingRule => ({ record: name, expr });

/** Loss and latency of the pod network by pair of zones, and by node in both directions. */
export function networkRecordings(scope: RuleScope): RecordingRule[] {
  const of = (name: RecordedMetric) => series(scope, name);
  const all = (labels: readonly string[]) => rateBy(scope, labels, ofPeers);
  const answering = (labels: readonly string[]) => rateOfAnsweringLinks(scope, labels, ofPeers);
  const pair = byAgents(scope, 'zone', ['peer_zone'], all);
  const answeringPair = byAgents(scope, 'zone', ['peer_zone'], answering);
  const out = byAgents(scope, 'node', [], all);
  const into = rateBy(scope, ['peer_node'], ofPeers);
  const failures = networkProbes.errors.name;
  return [
    record(recorded.agents, agentsWithNodes(scope)),
    record(recorded.probesByZonePair, attempts(pair, networkProbes)),
    record(recorded.lossByZonePair, ratio(pair(failures, '5m'), of(recorded.probesByZonePair))),
    record(recorded.networkP50ByZonePair, quantile(0.5, pair, networkProbes)),
    record(recorded.networkP90ByZonePair, quantile(0.9, pair, networkProbes)),
    record(recorded.networkP99ByZonePair, quantile(0.99, pair, networkProbes)),
    record(recorded.partialLossByZonePair, failureRatio(answeringPair, networkProbes)),
    record(recorded.retransmitsByZonePair, retransmitRatio(scope)),
    record(recorded.probesOut, attempts(out, networkProbes)),
    record(recorded.lossOut, ratio(out(failures, '5m'), of(recorded.probesOut))),
    record(recorded.networkP50Out, quantile(0.5, out, networkProbes)),
    record(recorded.networkP99Out, quantile(0.99, out, networkProbes)),
    record(recorded.probesIn, attempts(into, networkProbes)),
    record(recorded.lossIn, ratio(into(failures, '5m'), of(recorded.probesIn))),
    record(recorded.networkP50In, quantile(0.5, into, networkProbes)),
    record(recorded.networkP99In, quantile(0.99, into, networkProbes)),
    record(recorded.failingLinks, failingLinks(scope)),
  ];
}

/** Success and latency of DNS lookups by server and by name. */
export function dnsRecordings(scope: RuleScope): RecordingRule[] {
  const of = (name: RecordedMetric) => series(scope, name);
  const server = rateBy(scope, ['server']);
  const host = rateBy(scope, ['host']);
  const successes = `${lookups.latency.name}_count`;
  return [
    record(recorded.lookupsByServer, attempts(server, lookups)),
    record(recorded.dnsSuccessByServer, ratio(server(successes, '5m'), of(recorded.lookupsByServer))),
    record(recorded.dnsP50ByServer, quantile(0.5, server, lookups)),
    record(recorded.dnsP99ByServer, quantile(0.99, server, lookups)),
    record(recorded.lookupsByHost, attempts(host, lookups)),
    record(recorded.dnsSuccessByHost, ratio(host(successes, '5m'), of(recorded.lookupsByHost))),
    record(recorded.dnsP50ByHost, quantile(0.5, host, lookups)),
    record(recorded.dnsP99ByHost, quantile(0.99, host, lookups)),
  ];
}

/** How much of the budget of failed lookups is used up. */
export function dnsBudgetRecordings(scope: RuleScope): RecordingRule[] {
  const of = (name: RecordedMetric) => series(scope, name);
  const agent = rateBy(scope, ['pod']);
  const cluster = (expression: (sum: RateSum) => string) => ofClusterNames(scope, ['pod'], expression);
  const total = (name: RecordedMetric) => `sum ${by()} (${of(name)})`;
  const failures = (sum: RateSum) => sum(lookups.errors.name, '5m');
  return [
    record(recorded.lookupsByAgent, attempts(agent, lookups)),
    record(recorded.failuresByAgent, failures(agent)),
    record(recorded.lookups, total(recorded.lookupsByAgent)),
    record(recorded.failures, total(recorded.failuresByAgent)),
    record(recorded.failureRatio30m, longRatio(of(recorded.failures), of(recorded.lookups), 30)),
    record(recorded.failureRatio6h, longRatio(of(recorded.failures), of(recorded.lookups), 360)),
    record(
      recorded.clusterLookupsByAgent,
      cluster((sum) => attempts(sum, lookups)),
    ),
    record(recorded.clusterFailuresByAgent, cluster(failures)),
    record(recorded.clusterLookups, total(recorded.clusterLookupsByAgent)),
    record(recorded.clusterFailures, total(recorded.clusterFailuresByAgent)),
    record(recorded.clusterFailureRatio5m, ratio(of(recorded.clusterFailures), of(recorded.clusterLookups))),
    record(recorded.clusterFailureRatio1h, longRatio(of(recorded.clusterFailures), of(recorded.clusterLookups), 60)),
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
  const all = parens(attempts(handshakes, networkProbes));
  return ratio(handshakes(networkMetrics.retransmits.name, '5m'), all);
}

/**
 * A link to a peer fails with at least two failures, and `spec.health.failureRatio` of its probes. Probes of Services
 * fail in part with each dead node behind them.
 */
function failingLinks(scope: RuleScope): string {
  const link = rateBy(scope, ['pod', 'host'], ofPeers);
  const several = parens(`${link(networkProbes.errors.name, '5m')} * 300 >= bool 2`);
  const often = parens(`${failureRatio(link, networkProbes)} >= bool ${scope.thresholds.failureRatio}`);
  const failing = `sum ${by('pod')} (\n${within([several, '*', often].join('\n'))}\n)`;
  const all = `count ${by('pod')} (\n${within(`${parens(attempts(link, networkProbes))} > 0`)}\n)`;
  return [failing, '/', all].join('\n');
}
