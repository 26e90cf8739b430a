import type { PrometheusServer, Sample } from '../cluster/prometheus.ts';
import { type Agent, hostOf, type NetExporterObject } from './agents.ts';

export interface ExpectedSeries {
  namespace: string;
  name: string;
  agents: readonly Agent[];
  spec: NetExporterObject['spec'];
  /** Nodes whose end is announced, such as cordoned ones: their agents probe and are not probed. */
  draining?: ReadonlySet<string>;
  /**
   * Failed probes that are accepted; none unless given. `some`: beside latencies, as on a machine that is overloaded.
   * `all`: also in place of latencies, as on a cluster of the user's, which may have faults.
   */
  allowFailures?: 'some' | 'all';
}

/** An agent has at most so many more peers than `peersPerAgent`, to cover every pair of zones (docs/topology.md). */
const linksForZones = 2;

/** Samples of a metric from one agent. */
type SeriesOf = (metric: string, agent: Agent) => Sample[];

const latencies = { dns: 'dns_latency_seconds', network: 'network_latency_seconds' } as const;
const failures = { dns: 'dns_resolve_error_total', network: 'network_dial_error_total' } as const;
const ownErrors = { dns: 'dns_error_total', network: 'network_error_total' } as const;
const probes = ['dns', 'network'] as const;
const parts = ['count', 'sum', 'bucket'] as const;

/**
 * What Prometheus should hold of a NetExporter's agents and does not (yet): latencies of each host and of each peer,
 * and the error counters of net-exporter's names, at zero. An agent's series say which peers were assigned to it: they
 * exist from that moment. How many there must be follows from the spec.
 * @returns one line for each gap; empty when all is there
 */
export async function missingSeries(
  prometheus: Pick<PrometheusServer, 'query'>,
  expected: ExpectedSeries,
): Promise<string[]> {
  const { agents, spec } = expected;
  const seriesOf = await readSeries(prometheus, expected);
  const missing: string[] = [];
  for (const probe of probes) {
    if (!spec[probe].enabled) continue;
    for (const part of parts) {
      const metric = `${latencies[probe]}_${part}`;
      for (const agent of agents) missing.push(...missingLatencies(probe, metric, agent, expected, seriesOf));
    }
    for (const agent of agents) missing.push(...errorProblems(probe, agent, expected, seriesOf));
  }
  if (spec.network.enabled) missing.push(...wrongPeers(expected, seriesOf));
  return missing;
}

async function readSeries(
  prometheus: Pick<PrometheusServer, 'query'>,
  { namespace, name }: ExpectedSeries,
): Promise<SeriesOf> {
  const metrics = probes.flatMap((probe) => [
    ...parts.map((part) => `${latencies[probe]}_${part}`),
    failures[probe],
    ownErrors[probe],
  ]);
  const samples = new Map<string, Sample[]>();
  for (const metric of metrics)
    for (const sample of await prometheus.query(`${metric}{namespace="${namespace}",netexporter="${name}"}`)) {
      const key = `${metric} ${sample.labels.pod ?? ''}`;
      const known = samples.get(key);
      if (known) known.push(sample);
      else samples.set(key, [sample]);
    }
  return (metric, agent) => samples.get(`${metric} ${agent.pod}`) ?? [];
}

function missingLatencies(
  probe: 'dns' | 'network',
  metric: string,
  agent: Agent,
  { spec, allowFailures }: ExpectedSeries,
  seriesOf: SeriesOf,
): string[] {
  const samples = seriesOf(metric, agent);
  const results = allowFailures === 'all' ? [...samples, ...seriesOf(failures[probe], agent)] : samples;
  const planned = [...new Set(seriesOf(`${latencies[probe]}_count`, agent).map(({ labels }) => labels.host ?? ''))];
  const hosts = probe === 'dns' && spec.dns.hosts.length > 0 ? spec.dns.hosts : planned;
  if (probe === 'dns' && hosts.length === 0) return [`${metric} of ${agent.pod}`];
  return hosts
    .filter((host) => !results.some(({ labels, value }) => labels.host === host && value > 0))
    .map((host) => `${metric}{host="${host}"} of ${agent.pod}`);
}

function errorProblems(
  probe: 'dns' | 'network',
  agent: Agent,
  { spec, agents, allowFailures }: ExpectedSeries,
  seriesOf: SeriesOf,
): string[] {
  const problems: string[] = [];
  for (const metric of [failures[probe], ownErrors[probe]]) {
    const found = seriesOf(metric, agent);
    const hasTargets = probe === 'dns' || dialsAnything(spec, agents.length);
    if (found.length === 0 && (metric === ownErrors[probe] || hasTargets)) problems.push(`${metric} of ${agent.pod}`);
    if (allowFailures && metric === failures[probe]) continue;
    for (const { labels, value } of found)
      if (value !== 0) problems.push(`zero errors: ${metric}{host="${labels.host ?? ''}"} of ${agent.pod} is ${value}`);
  }
  return problems;
}

/**
 * Whether an agent has any network target: with `spec.network.service`, its own Service is one where there are no
 * peers.
 */
export function dialsAnything({ network }: NetExporterObject['spec'], agents: number): boolean {
  return network.enabled && (network.service || Math.min(network.peersPerAgent, agents - 1) > 0);
}

/** What is wrong with whom the agents probe: each must have its number of peers, and each must be a peer of another. */
function wrongPeers({ agents, spec: { network }, draining = new Set() }: ExpectedSeries, seriesOf: SeriesOf): string[] {
  const samplesOf = (agent: Agent) => seriesOf(`${latencies.network}_count`, agent);
  const problems: string[] = [];
  const probeable = agents.filter(({ node }) => !draining.has(node));
  for (const protocol of network.protocols) {
    const probed = new Set<string>();
    for (const agent of agents) {
      const where = `${agent.pod} by ${protocol}`;
      const others = probeable.filter((other) => other !== agent).length;
      const least = Math.min(network.peersPerAgent, others);
      const most = least === 0 ? 0 : Math.min(network.peersPerAgent + linksForZones, others);
      const assigned = samplesOf(agent).filter(({ labels }) => labels.protocol === protocol && labels.peer_node);
      const peers = new Set(assigned.map(({ labels }) => labels.peer_node!));
      const expected = least === most ? least : `${least} to ${most}`;
      if (peers.size < least || peers.size > most) problems.push(`${where} has ${peers.size} peers, not ${expected}`);
      if (peers.has(agent.node)) problems.push(`${where} has itself as a peer`);
      for (const { labels } of assigned) {
        const peer = agents.find(({ node }) => node === labels.peer_node);
        if (!peer) problems.push(`${where} has a peer on ${labels.peer_node}, which has no agent`);
        else if (isIPv6Host(labels.host) === isIPv6Host(hostOf(peer)) && labels.host !== hostOf(peer))
          problems.push(`${where} dials ${labels.peer_node} at ${labels.host}, not at ${hostOf(peer)}`);
      }
      for (const peer of peers) probed.add(peer);
    }
    if (network.peersPerAgent > 0 && agents.length > 1)
      for (const { node, pod } of probeable)
        if (!probed.has(node)) problems.push(`${pod} is no agent's peer by ${protocol}`);
  }
  if (network.service)
    for (const agent of agents)
      if (!samplesOf(agent).some(({ labels }) => !labels.peer_node && labels.protocol === 'TCP'))
        problems.push(`${agent.pod} does not dial the agents' Service`);
  return problems;
}

/** Of its addresses, an {@link Agent} has the one of the cluster's primary family. */
function isIPv6Host(host = ''): boolean {
  return host.startsWith('[');
}
