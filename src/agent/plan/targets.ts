import { formatHostPort, parseHostPort, parseServer } from '../../base/host-port.ts';
import type { AssignedPeer, Assignment } from '../../protocol/assignment.ts';
import { apiServerName, type RecordType, type Settings, type TransportProtocol } from '../../protocol/settings.ts';
import type { Timing } from '../probes/probe.ts';
import type { ProbeTask } from '../probes/probes.ts';
import { choosePeers } from './peer-choice.ts';

/** The resolver configuration of the agent's pod. */
export interface ResolverConfiguration {
  nameservers: readonly string[];
  nameserverPort: number;
  search: string[];
  ndots: number;
  /** The cluster domain, without leading or trailing dots. */
  clusterDomain: string;
}

interface Planned<Probe extends ProbeTask['probe']> {
  probe: Probe;
  /** Identifies the series of the target: targets with equal keys are the same target. */
  key: string;
  intervalMs: number;
  timeoutMs: number;
  subject: Extract<ProbeTask, { probe: Probe }>['subject'];
}

/** A name to look up at a server. */
export interface DnsTarget extends Planned<'dns'> {
  labels: { host: string; server: string; protocol: TransportProtocol; type: RecordType };
}

/**
 * An address to dial, or an agent to send echoes to. `peer_node` and `peer_zone` are empty if only the address is
 * known.
 */
export interface NetworkTarget extends Planned<'network'> {
  labels: { host: string; protocol: TransportProtocol; peer_node: string; peer_zone: string };
}

/** A time server to query. */
export interface NtpTarget extends Planned<'ntp'> {
  labels: { server: string };
}

/** Something that is probed on its own schedule and has its own series. */
export type Target = DnsTarget | NetworkTarget | NtpTarget;

/** The pod of the agent: inputs of the choice of peers in addition to the settings. */
export interface PodIdentity {
  nodeName: string;
  podIps: readonly string[];
}

/**
 * Peers that the agent can probe: those that the operator assigned, or the known addresses of all agents, possibly
 * including its own.
 */
export type AvailablePeers = Pick<Assignment, 'peers' | 'dnsServers'> | { addresses: readonly string[] };

/** Plans all targets of the agent, each once. */
export function planTargets(
  settings: Settings,
  resolver: ResolverConfiguration,
  peers: AvailablePeers,
  identity: PodIdentity,
): Target[] {
  const targets = [
    ...dnsTargets(settings, resolver, 'dnsServers' in peers ? peers.dnsServers : []),
    ...networkTargets(settings, peersOf(peers, settings, identity)),
    ...ntpTargets(settings, resolver),
  ];
  return [...new Map(targets.map((target) => [target.key, target])).values()];
}

/**
 * Targets of one slot are probed at the same time, which saves wake-ups of the process: a peer by all protocols.
 * @param timing source of the latencies: those of the clock contain what the process does for other probes meanwhile
 */
export function slotOf(target: Target, timing: Timing): string {
  if (target.probe !== 'network' || !isUndisturbed(target, timing)) return target.key;
  return key(target.probe, { host: target.labels.host });
}

/**
 * Whether probes of a target may run at the same time as others.
 * @param timing as for `slotOf`
 */
export function isUndisturbed({ probe }: Target, timing: Timing): boolean {
  return probe !== 'ntp' && timing === 'kernel';
}

/** Targets of one group are probed at different times: the lookups of a server, which must not get all at once. */
export function groupOf(target: Target): string | undefined {
  return target.probe === 'dns' ? target.labels.server : undefined;
}

/** The assigned peers, or a choice from all addresses. */
function peersOf(known: AvailablePeers, { network }: Settings, { podIps, nodeName }: PodIdentity): AssignedPeer[] {
  if ('peers' in known) return known.peers;
  return choosePeers(known.addresses, podIps, nodeName, network.peersPerAgent).map((host) => ({
    address: formatHostPort(host, network.peerPort),
    node: '',
    zone: '',
  }));
}

function dnsTargets({ dns }: Settings, resolver: ResolverConfiguration, assigned: readonly string[]): DnsTarget[] {
  if (!dns.enabled) return [];
  const { intervalMs, timeoutMs } = dns;
  const hosts = dns.hosts.length > 0 ? dns.hosts : [`${apiServerName}.${resolver.clusterDomain}.`];
  // Only the first nameserver: libc queries the others only if it fails, so it is the one that workloads depend on.
  const own = resolver.nameservers.slice(0, 1).map((host) => ({ host, port: resolver.nameserverPort }));
  const servers = [...own, ...[...dns.servers, ...assigned].map(address)];
  const { search, ndots } = resolver;
  return servers.flatMap((server) =>
    dns.protocols.flatMap((protocol) =>
      dns.recordTypes.flatMap((type) =>
        hosts.map((host): DnsTarget => {
          const labels = { host, server: formatHostPort(server.host, server.port), protocol, type };
          const subject = { name: host, server, protocol, type, resolver: { search, ndots } };
          return { probe: 'dns', key: key('dns', labels), labels, subject, intervalMs, timeoutMs };
        }),
      ),
    ),
  );
}

function networkTargets({ network }: Settings, peers: readonly AssignedPeer[]): NetworkTarget[] {
  if (!network.enabled) return [];
  const { intervalMs, timeoutMs } = network;
  const target = (subject: NetworkTarget['subject'], node: string, zone: string): NetworkTarget => {
    const host = formatHostPort(subject.host, subject.port);
    const labels = { host, protocol: subject.protocol, peer_node: node, peer_zone: zone };
    return { probe: 'network', key: key('network', labels), labels, subject, intervalMs, timeoutMs };
  };
  return [
    ...network.protocols.flatMap((protocol) =>
      peers.map((peer) => {
        const there = address(peer.address);
        const subject = protocol === 'UDP' ? { protocol, ...there, ...network.udp } : { protocol, ...there };
        return target(subject, peer.node, peer.zone);
      }),
    ),
    // Only by TCP: packets to a Service reach several agents, and none of them can count the losses.
    ...network.services.map((text) => target({ protocol: 'TCP', ...address(text) }, '', '')),
  ];
}

function ntpTargets({ ntp }: Settings, { search, ndots }: ResolverConfiguration): NtpTarget[] {
  if (!ntp.enabled) return [];
  const { intervalMs, timeoutMs } = ntp;
  return ntp.servers.map((server) => {
    const labels = { server };
    const subject = { ...parseServer(server)!, resolver: { search, ndots } };
    return { probe: 'ntp', key: key('ntp', labels), labels, subject, intervalMs, timeoutMs };
  });
}

/** Never undefined: the protocol validates addresses. */
function address(text: string): { host: string; port: number } {
  return parseHostPort(text)!;
}

function key(probe: Target['probe'], labels: Record<string, string>): string {
  return JSON.stringify([probe, ...Object.values(labels)]);
}
