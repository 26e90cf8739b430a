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

  /** Share of DNS lookups that succeed, by `server`. */
  dnsSuccessByServer: 'netexporter_server:dns_lookups:success_ratio_rate5m',
  dnsP50ByServer: `netexporter_server:${dnsLatency}:p50_rate5m`,
  dnsP99ByServer: `netexporter_server:${dnsLatency}:p99_rate5m`,
  /** Share of DNS lookups that succeed, by `host`. */
  dnsSuccessByHost: 'netexporter_host:dns_lookups:success_ratio_rate5m',
  dnsP50ByHost: `netexporter_host:${dnsLatency}:p50_rate5m`,
  dnsP99ByHost: `netexporter_host:${dnsLatency}:p99_rate5m`,

  /** TCP handshakes and UDP echoes a second, from `zone` to `peer_zone`. */
  probesByZonePair: 'netexporter_zone_peer_zone:network_probes:rate5m',
  /** Share of them that fail. */
  lossByZonePair: 'netexporter_zone_peer_zone:network_probes:loss_ratio_rate5m',
  networkP50ByZonePair: `netexporter_zone_peer_zone:${networkLatency}:p50_rate5m`,
  networkP90ByZonePair: `netexporter_zone_peer_zone:${networkLatency}:p90_rate5m`,
  networkP99ByZonePair: `netexporter_zone_peer_zone:${networkLatency}:p99_rate5m`,
  /** The same share, of links only on which some succeed. */
  partialLossByZonePair: 'netexporter_zone_peer_zone:network_probes:partial_loss_ratio_rate5m',
  /** Retransmitted SYNs for each TCP handshake, of the same links. */
  retransmitsByZonePair: 'netexporter_zone_peer_zone:network_retransmits:ratio_rate5m',

  /** Out of a node: what its agent opens. By `node`. */
  lossOut: 'netexporter_node:network_probes:loss_ratio_rate5m',
  networkP50Out: `netexporter_node:${networkLatency}:p50_rate5m`,
  networkP99Out: `netexporter_node:${networkLatency}:p99_rate5m`,
  /** Into a node: what agents of other nodes open to its agent. By `peer_node`. */
  lossIn: 'netexporter_peer_node:network_probes:loss_ratio_rate5m',
  networkP50In: `netexporter_peer_node:${networkLatency}:p50_rate5m`,
  networkP99In: `netexporter_peer_node:${networkLatency}:p99_rate5m`,

  /** Share of an agent's links that fail. By `pod`. */
  failingLinks: 'netexporter_pod:network_links:failing_ratio_rate5m',

  /** Failed lookups for each lookup, by `pod` of the agent. */
  dnsErrorsByAgent: 'netexporter_pod:dns_lookups:failure_ratio_rate5m',
  dnsClusterErrorsByAgent: 'netexporter_pod:dns_cluster_lookups:failure_ratio_rate5m',
  /** Failed lookups for each lookup of a name of the cluster. */
  dnsClusterErrors5m: 'netexporter:dns_cluster_lookups:failure_ratio_rate5m',
  dnsClusterErrors1h: 'netexporter:dns_cluster_lookups:failure_ratio_rate1h',
  /** Failed lookups and all lookups, a second. */
  dnsFailures: 'netexporter:dns_lookup_failures:rate5m',
  dnsAttempts: 'netexporter:dns_lookups:rate5m',
  /** Failed lookups for each lookup. */
  dnsErrors30m: 'netexporter:dns_lookups:failure_ratio_rate30m',
  dnsErrors6h: 'netexporter:dns_lookups:failure_ratio_rate6h',
} as const;
