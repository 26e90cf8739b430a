import { parseServer } from '../base/host-port.ts';
import {
  boolean,
  hostPort,
  integer,
  json,
  list,
  object,
  oneOf,
  readAs,
  refuse,
  requireVersion,
  text,
} from './document.ts';

/** The version of the settings document that this code writes and reads. A reader refuses any other. */
export const settingsVersion = 1;

/** The largest settings document that is read, in bytes: what a ConfigMap can hold. */
export const maxSettingsBytes = 1_048_576;

export type TransportProtocol = 'UDP' | 'TCP';
export type RecordType = 'A' | 'AAAA';

/** How the names are looked up. */
export interface DnsSettings {
  enabled: boolean;
  /** Names to look up. Empty: the API server's Service in the cluster's own domain, which the agent finds in its resolv.conf. */
  hosts: string[];
  protocols: TransportProtocol[];
  recordTypes: RecordType[];
  /** Resolvers beside the nameserver of the agent's resolv.conf, each as `ip:port` (`[v6]:port`). */
  servers: string[];
  intervalMs: number;
  /** At most the interval. */
  timeoutMs: number;
}

/** How many packets a turn of the UDP echo sends, and of which size. */
export interface EchoSettings {
  packets: number;
  /** Octets of a packet's payload. */
  size: number;
}

/** How peers are probed. */
export interface NetworkSettings {
  enabled: boolean;
  /** How many peers an agent dials at most (k). */
  peersPerAgent: number;
  /** The headless Service that lists the agents, as `name.namespace.svc`, without the cluster's domain. */
  peerService: string;
  /** The port that peers listen on. */
  peerPort: number;
  /** TCP: dials. UDP: echoes. */
  protocols: TransportProtocol[];
  udp: EchoSettings;
  /** Addresses of the agents' own Service to dial besides the peers, each as `ip:port` (`[v6]:port`). */
  services: string[];
  intervalMs: number;
  /** At most the interval. */
  timeoutMs: number;
}

/** How time servers are asked. */
export interface NtpSettings {
  enabled: boolean;
  /** Each as `ip:port` (`[v6]:port`) or `name:port`. */
  servers: string[];
  intervalMs: number;
  /** At most the interval. */
  timeoutMs: number;
}

/** What a writer means that does not know of time servers. */
const noNtp: NtpSettings = { enabled: false, servers: [], intervalMs: 60_000, timeoutMs: 5000 };

/** All that an agent has to know of a NetExporter's spec: what the operator writes and the agent reads. */
export interface Settings {
  version: typeof settingsVersion;
  /** Which NetExporter, and which generation of its spec, this is. */
  resource: { namespace: string; name: string; uid: string; generation: number };
  dns: DnsSettings;
  network: NetworkSettings;
  ntp: NtpSettings;
}

/**
 * Writes a settings document: JSON with a stable order of keys, so that equal settings are equal text.
 * @throws ProtocolError (`InvalidSettings`) for settings that no reader would take
 */
export function encodeSettings(settings: Settings): string {
  return `${JSON.stringify(decodeSettings(settings), null, 2)}\n`;
}

/**
 * Reads and checks the text of a settings document, as `decodeSettings` does.
 * @throws ProtocolError (`InvalidSettings`) also when the text is too large or not JSON
 */
export function parseSettings(text: string): Settings {
  return decodeSettings(readAs('InvalidSettings', () => json(text, maxSettingsBytes)));
}

/**
 * Checks settings. Fields it does not know are ignored, so that a newer operator can talk to an older agent; fields that an older operator
 * does not write have the value that stands for what it meant.
 * @throws ProtocolError (`InvalidSettings`) when the document is of another version, or a field is missing or out of bounds
 */
export function decodeSettings(value: unknown): Settings {
  return readAs('InvalidSettings', () => read(value));
}

function read(value: unknown): Settings {
  const document = object(value, 'the document');
  requireVersion(document.version, settingsVersion);
  const resource = object(document.resource, 'resource');
  const dns = object(document.dns, 'dns');
  const network = object(document.network, 'network');
  const ntp = object(document.ntp ?? noNtp, 'ntp');
  return {
    version: settingsVersion,
    resource: {
      namespace: text(resource.namespace, 'resource.namespace', 63),
      name: text(resource.name, 'resource.name', 253),
      uid: text(resource.uid, 'resource.uid', 64),
      generation: integer(resource.generation, 'resource.generation', 1, Number.MAX_SAFE_INTEGER),
    },
    dns: {
      enabled: boolean(dns.enabled, 'dns.enabled'),
      hosts: list(dns.hosts, 'dns.hosts', 64, (item, path) => text(item, path, 254)),
      protocols: list(dns.protocols, 'dns.protocols', 2, oneOf(['UDP', 'TCP'])),
      recordTypes: list(dns.recordTypes, 'dns.recordTypes', 2, oneOf(['A', 'AAAA'])),
      servers: list(dns.servers, 'dns.servers', 16, hostPort),
      ...times(dns, 'dns'),
    },
    network: {
      enabled: boolean(network.enabled, 'network.enabled'),
      peersPerAgent: integer(network.peersPerAgent, 'network.peersPerAgent', 0, 100),
      peerService: text(network.peerService, 'network.peerService', 253),
      peerPort: integer(network.peerPort, 'network.peerPort', 1, 65_535),
      protocols: list(network.protocols ?? ['TCP'], 'network.protocols', 2, oneOf(['TCP', 'UDP'])),
      udp: echo(object(network.udp ?? { packets: 3, size: 64 }, 'network.udp')),
      services: list(network.services, 'network.services', 2, hostPort),
      ...times(network, 'network'),
    },
    ntp: {
      enabled: boolean(ntp.enabled, 'ntp.enabled'),
      servers: list(ntp.servers, 'ntp.servers', 8, serverPort),
      ...times(ntp, 'ntp'),
    },
  };
}

function echo({ packets, size }: Record<string, unknown>): EchoSettings {
  return {
    packets: integer(packets, 'network.udp.packets', 1, 10),
    size: integer(size, 'network.udp.size', 32, 1472),
  };
}

function times(value: Record<string, unknown>, path: string): { intervalMs: number; timeoutMs: number } {
  const intervalMs = integer(value.intervalMs, `${path}.intervalMs`, 100, 86_400_000);
  return { intervalMs, timeoutMs: integer(value.timeoutMs, `${path}.timeoutMs`, 1, intervalMs) };
}

function serverPort(value: unknown, path: string): string {
  const given = text(value, path, 260);
  if (!parseServer(given)) refuse(`${path} must be ip:port or name:port, got "${given}"`);
  return given;
}
