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

/** Version of the settings document that this code writes and reads. Readers reject all others. */
export const settingsVersion = 1;

/** The name that agents look up if the settings have none, without the cluster's domain. */
export const apiServerName = 'kubernetes.default.svc';

/** Maximum size of the document, in bytes: that of a ConfigMap. */
export const maxSettingsBytes = 1_048_576;

export type TransportProtocol = 'UDP' | 'TCP';
export type RecordType = 'A' | 'AAAA';

/** DNS probes. */
export interface DnsSettings {
  enabled: boolean;
  /**
   * Names to look up. Empty: the Service of the API server in the cluster domain, which the agent takes from
   * resolv.conf.
   */
  hosts: string[];
  protocols: TransportProtocol[];
  recordTypes: RecordType[];
  /** Additional resolvers to the nameserver in resolv.conf, each as `ip:port` (`[v6]:port`). */
  servers: string[];
  intervalMs: number;
  /** At most the interval. */
  timeoutMs: number;
}

/** Packets per turn of the UDP echo, and their size. */
export interface EchoSettings {
  packets: number;
  /** Bytes of payload per packet. */
  size: number;
}

/** Probes of peers. */
export interface NetworkSettings {
  enabled: boolean;
  /** Maximum number of peers per agent (k). */
  peersPerAgent: number;
  /** Headless Service of the agents as `name.namespace.svc`, without the cluster domain. */
  peerService: string;
  /** Port of the peers. */
  peerPort: number;
  /** TCP: dials. UDP: echoes. */
  protocols: TransportProtocol[];
  udp: EchoSettings;
  /** Addresses of the agents' Service to dial in addition to the peers, each as `ip:port` (`[v6]:port`). */
  services: string[];
  intervalMs: number;
  /** At most the interval. */
  timeoutMs: number;
}

/** Probes of time servers. */
export interface NtpSettings {
  enabled: boolean;
  /** Each as `ip:port` (`[v6]:port`) or `name:port`. */
  servers: string[];
  intervalMs: number;
  /** At most the interval. */
  timeoutMs: number;
}

/** Default for writers that do not know time servers. */
const noNtp: NtpSettings = { enabled: false, servers: [], intervalMs: 60_000, timeoutMs: 5000 };

/** The settings of an agent: everything it needs from the spec of a NetExporter. Written by the operator. */
export interface Settings {
  version: typeof settingsVersion;
  /** The NetExporter and the generation of its spec. */
  resource: { namespace: string; name: string; uid: string; generation: number };
  dns: DnsSettings;
  network: NetworkSettings;
  ntp: NtpSettings;
}

/**
 * Encodes a settings document: JSON with a stable order of keys, so equal settings have equal text.
 * @throws ProtocolError (`InvalidSettings`) for invalid settings
 */
export function encodeSettings(settings: Settings): string {
  return `${JSON.stringify(decodeSettings(settings), null, 2)}\n`;
}

/**
 * Parses and validates a settings document like `decodeSettings`.
 * @throws ProtocolError (`InvalidSettings`), also if the text is too large or not JSON
 */
export function parseSettings(text: string): Settings {
  return decodeSettings(readAs('InvalidSettings', () => json(text, maxSettingsBytes)));
}

/**
 * Validates settings. Ignores unknown fields, so newer operators work with older agents. Fields that older operators do
 * not write have the default that matches their behaviour.
 * @throws ProtocolError (`InvalidSettings`) if the document has another version, or a field is missing or out of bounds
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
