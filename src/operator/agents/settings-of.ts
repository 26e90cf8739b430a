import { parseDuration } from '../../base/durations.ts';
import { formatHostPort, parseHostPort, parseServer } from '../../base/host-port.ts';
import { agentNames } from '../../contract/agent-names.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import { ProtocolError } from '../../protocol/document.ts';
import { type Settings, settingsVersion } from '../../protocol/settings.ts';

const dnsPort = 53;
const ntpPort = 123;

/**
 * What the agents of a NetExporter have to know.
 * @param serviceAddresses the cluster IPs of the agents' own Service
 * @throws ProtocolError (`InvalidSettings`) for an invalid server or duration, which the rules of the CRD reject
 */
export function settingsOf(resource: NetExporter, serviceAddresses: string[]): Settings {
  const { metadata, spec } = resource;
  const { namespace, name, uid, generation } = metadata;
  const { dns, network, ntp, agent } = spec;
  return {
    version: settingsVersion,
    resource: { namespace, name, uid, generation },
    dns: {
      enabled: dns.enabled,
      hosts: withoutRepetition(dns.hosts),
      protocols: dns.protocols,
      recordTypes: dns.recordTypes,
      servers: dns.servers.map(withDnsPort),
      intervalMs: milliseconds(dns.interval, 'spec.dns.interval'),
      timeoutMs: milliseconds(dns.timeout, 'spec.dns.timeout'),
    },
    network: {
      enabled: network.enabled,
      peersPerAgent: network.peersPerAgent,
      peerService: `${agentNames(name).peers}.${namespace}.svc`,
      peerPort: agent.port,
      protocols: network.protocols,
      udp: network.udp,
      services: network.service ? serviceAddresses.map((address) => formatHostPort(address, agent.port)) : [],
      intervalMs: milliseconds(network.interval, 'spec.network.interval'),
      timeoutMs: milliseconds(network.timeout, 'spec.network.timeout'),
    },
    ntp: {
      enabled: ntp.enabled,
      servers: withoutRepetition(ntp.servers.map(withNtpPort)),
      intervalMs: milliseconds(ntp.interval, 'spec.ntp.interval'),
      timeoutMs: milliseconds(ntp.timeout, 'spec.ntp.timeout'),
    },
  };
}

/** Names that differ only in case are one name (RFC 4343); the first spelling stays. */
function withoutRepetition(names: readonly string[]): string[] {
  return [...Map.groupBy(names, (name) => name.toLowerCase()).values()].map(([first]) => first!);
}

/** The addresses of a Service; none while it has none, or is headless. */
export function clusterAddresses(service: Record<string, unknown> | undefined): string[] {
  const { clusterIPs = [] } = (service?.spec ?? {}) as { clusterIPs?: string[] };
  return clusterIPs.filter((address) => address !== 'None' && address !== '');
}

function milliseconds(duration: string, field: string): number {
  try {
    return parseDuration(duration);
  } catch (error) {
    throw new ProtocolError('InvalidSettings', `${field}: ${(error as Error).message}`);
  }
}

function withDnsPort(server: string): string {
  const parsed = parseHostPort(server, dnsPort);
  if (!parsed) throw new ProtocolError('InvalidSettings', `spec.dns.servers: "${server}" is not ip or ip:port`);
  return formatHostPort(parsed.host, parsed.port);
}

function withNtpPort(server: string): string {
  const parsed = parseServer(server, ntpPort);
  if (!parsed)
    throw new ProtocolError('InvalidSettings', `spec.ntp.servers: "${server}" is not ip, ip:port, a name or name:port`);
  return formatHostPort(parsed.host, parsed.port);
}
