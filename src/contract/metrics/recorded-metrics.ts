import { settingsMetrics } from './agent-metrics.ts';
import { dnsMetrics, networkMetrics } from './probe-metrics.ts';

const dnsLatency = dnsMetrics.latency.name;
const networkLatency = networkMetrics.latency.name;

/**
 * Series that recording rules make of the agents' metrics, as `level:metric:operation`. The level lists the labels
 * besides `cluster`, `namespace` and `netexporter`. No series is about a single link.
 */
export const recordedMetrics = {
  /** Node and zone of each agent, in the labels `node` and `zone`. */
  agents: `netexporter_pod:${settingsMetrics.info.name}:max`,

  /** From `zone` to `peer_zone`: TCP handshakes and UDP echoes a second, and the share of them that fails. */
  probesByZonePair: 'netexporter_zone_peer_zone:network_probes:rate5m',
  lossByZonePair: 'netexporter_zone_peer_zone:network_probes:loss_ratio_rate5m',
  networkP50ByZonePair: `netexporter_zone_peer_zone:${networkLatency}:p50_rate5m`,
  networkP90ByZonePair: `netexporter_zone_peer_zone:${networkLatency}:p90_rate5m`,
  networkP99ByZonePair: `netexporter_zone_peer_zone:${networkLatency}:p99_rate5m`,
  /** The share that fails, and retransmitted SYNs for each handshake, of links only on which some probes succeed. */
  partialLossByZonePair: 'netexporter_zone_peer_zone:network_probes:partial_loss_ratio_rate5m',
  retransmitsByZonePair: 'netexporter_zone_peer_zone:network_retransmits:ratio_rate5m',

  /** Out of a `node`: what its agent opens. */
  probesOut: 'netexporter_node:network_probes:rate5m',
  lossOut: 'netexporter_node:network_probes:loss_ratio_rate5m',
  networkP50Out: `netexporter_node:${networkLatency}:p50_rate5m`,
  networkP99Out: `netexporter_node:${networkLatency}:p99_rate5m`,
  /** Into a `peer_node`: what agents of other nodes open to its agent. */
  probesIn: 'netexporter_peer_node:network_probes:rate5m',
  lossIn: 'netexporter_peer_node:network_probes:loss_ratio_rate5m',
  networkP50In: `netexporter_peer_node:${networkLatency}:p50_rate5m`,
  networkP99In: `netexporter_peer_node:${networkLatency}:p99_rate5m`,

  /** Share of an agent's links that fail, by `pod`. */
  failingLinks: 'netexporter_pod:network_links:failing_ratio_rate5m',

  /** By `server`: DNS lookups a second, and the share of them that succeeds. */
  lookupsByServer: 'netexporter_server:dns_lookups:rate5m',
  dnsSuccessByServer: 'netexporter_server:dns_lookups:success_ratio_rate5m',
  dnsP50ByServer: `netexporter_server:${dnsLatency}:p50_rate5m`,
  dnsP99ByServer: `netexporter_server:${dnsLatency}:p99_rate5m`,
  /** By `host`: the same. */
  lookupsByHost: 'netexporter_host:dns_lookups:rate5m',
  dnsSuccessByHost: 'netexporter_host:dns_lookups:success_ratio_rate5m',
  dnsP50ByHost: `netexporter_host:${dnsLatency}:p50_rate5m`,
  dnsP99ByHost: `netexporter_host:${dnsLatency}:p99_rate5m`,

  /** By `pod` of the agent: lookups a second, and those that fail. */
  lookupsByAgent: 'netexporter_pod:dns_lookups:rate5m',
  failuresByAgent: 'netexporter_pod:dns_lookup_failures:rate5m',
  /** The same of names of the cluster; where none is looked up, of all names. */
  clusterLookupsByAgent: 'netexporter_pod:dns_cluster_lookups:rate5m',
  clusterFailuresByAgent: 'netexporter_pod:dns_cluster_lookup_failures:rate5m',

  /** By nothing else: the sums of all agents, and failures for each lookup within longer times. */
  lookups: 'netexporter:dns_lookups:rate5m',
  failures: 'netexporter:dns_lookup_failures:rate5m',
  failureRatio30m: 'netexporter:dns_lookups:failure_ratio_rate30m',
  failureRatio6h: 'netexporter:dns_lookups:failure_ratio_rate6h',
  clusterLookups: 'netexporter:dns_cluster_lookups:rate5m',
  clusterFailures: 'netexporter:dns_cluster_lookup_failures:rate5m',
  clusterFailureRatio5m: 'netexporter:dns_cluster_lookups:failure_ratio_rate5m',
  clusterFailureRatio1h: 'netexporter:dns_cluster_lookups:failure_ratio_rate1h',
} as const;

export type RecordedMetric = (typeof recordedMetrics)[keyof typeof recordedMetrics];
