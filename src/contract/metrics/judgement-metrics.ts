import type { LinkState, SuspectKind, SuspectReason } from '../suspects.ts';
import { networkBuckets, serverBuckets } from './latency-buckets.ts';
import type { MetricGroup } from './metric.ts';
import { resourceLabels } from './resource-metrics.ts';

const kinds: Record<SuspectKind, string> = {
  Node: 'a node, in both directions or in one',
  Link: 'the way from one node to another, or to one DNS server',
  ServicePath: 'the way from one node to ClusterIPs, while the pods behind them answer',
  ZonePair: 'the way between two zones',
  Zone: 'everything that crosses the border of a zone',
  DNSServer: 'a DNS server, for all nodes',
  Host: 'a name, at all DNS servers',
};

const reasons: Record<SuspectReason, string> = {
  Unreachable: 'nearly all probes fail',
  Inbound: 'nearly all probes fail that others open to the node',
  Outbound: 'nearly all probes fail that the node opens',
  Loss: 'some probes fail or need a retransmit',
  Slow: 'probes succeed above the latency threshold',
  Refused: 'connections are refused',
  Errors: 'a DNS server answers with errors, or a name has no valid answer',
  Rebooted: 'the node has started again since the fault began',
};

const states: Record<LinkState, string> = {
  ok: 'neither slow nor failing',
  slow: 'at least half of the probes are slow',
  failing: 'at least two probes, and `spec.health.failureRatio` of them, fail or need a retransmit',
  unreported: 'planned, but without results of an agent that counts',
};

/** What the operator judges from the reports of agents. */
export const judgementMetrics = {
  suspect: {
    name: 'net_exporter_suspect',
    type: 'gauge',
    help: 'Suspects: parts of the network or of DNS that are at fault, each with the value 1.',
    labels: {
      ...resourceLabels,
      kind: { help: 'Kind of the suspect.', values: kinds },
      name: {
        help: 'Name of the node, zone or host, `ip:port` of the DNS server, `from>to` in one direction or `a<>b` in both.',
      },
      reason: { help: 'What is wrong.', values: reasons },
    },
    notes: 'The worst 20 of a NetExporter, as in `status.suspects`. See [judgement.md](judgement.md).',
  },
  links: {
    name: 'net_exporter_links',
    type: 'gauge',
    help: 'Links (pairs of an agent and a peer that it probes) by state.',
    labels: { ...resourceLabels, state: { help: 'State within the later half of the window.', values: states } },
  },
  judged: {
    name: 'net_exporter_judged_timestamp_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Time of the last judgement in seconds since the epoch.',
    labels: resourceLabels,
    notes: 'Every 5 seconds.',
  },
} as const satisfies MetricGroup;

/** Maximum number of pairs of zones and of DNS servers with series of their own: for each NetExporter, and in total. */
export const maxFleetSeries = { zonePairs: 400, servers: 200, total: 4000 };

/** Label value of what has no series of its own. */
export const otherFleetSeries = 'other';

const other = `\`${otherFleetSeries}\` for those beyond ${maxFleetSeries.zonePairs} pairs of zones`;
const network = {
  ...resourceLabels,
  protocol: { help: 'Kind of the probe, as in the metrics of agents.', values: { TCP: 'TCP', UDP: 'UDP' } },
  zone: { help: `Zone of the agent’s node; empty if it has none, ${other}.` },
  peer_zone: { help: `Zone of the peer’s node; empty for Services and for nodes without a zone, ${other}.` },
} as const;
const dns = {
  ...resourceLabels,
  protocol: { help: 'Transport protocol of the lookup.', values: { TCP: 'TCP', UDP: 'UDP' } },
  server: {
    help: `DNS server asked, as \`ip:port\`; \`${otherFleetSeries}\` for those beyond ${maxFleetSeries.servers}.`,
  },
} as const;

/** Sums over all agents of a NetExporter, for fleets of which only the operator is scraped. */
export const fleetMetrics = {
  networkLatency: {
    name: 'net_exporter_fleet_network_latency_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Round-trip time of successful TCP handshakes and UDP echoes of all agents in seconds.',
    labels: network,
    edges: networkBuckets,
  },
  networkAttempts: {
    name: 'net_exporter_fleet_network_attempts_total',
    type: 'counter',
    help: 'TCP handshakes and UDP echoes of all agents.',
    labels: network,
  },
  networkFailures: {
    name: 'net_exporter_fleet_network_failures_total',
    type: 'counter',
    help: 'Failed TCP handshakes and UDP echoes of all agents.',
    labels: network,
  },
  dnsLatency: {
    name: 'net_exporter_fleet_dns_latency_seconds',
    type: 'histogram',
    unit: 'seconds',
    help: 'Duration of successful DNS lookups of all agents in seconds.',
    labels: dns,
    edges: serverBuckets,
  },
  dnsAttempts: {
    name: 'net_exporter_fleet_dns_attempts_total',
    type: 'counter',
    help: 'DNS lookups of all agents.',
    labels: dns,
  },
  dnsFailures: {
    name: 'net_exporter_fleet_dns_failures_total',
    type: 'counter',
    help: 'Failed DNS lookups of all agents.',
    labels: dns,
  },
} as const satisfies MetricGroup;
