import { isIP } from 'node:net';
import { parseHostPort, parseServer } from './host-port.ts';

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

/** A settings document that cannot be used; `message` names the field and what it must be. */
export class SettingsError extends Error {
  readonly code = 'InvalidSettings';
  override readonly name = 'SettingsError';
}

/** Writes a settings document: JSON with a stable order of keys, so that equal settings are equal text. */
export function encodeSettings(settings: Settings): string {
  return `${JSON.stringify(decode(settings), null, 2)}\n`;
}

/**
 * Reads and checks a settings document. Fields it does not know are ignored, so that a newer operator can talk to an older agent; fields that
 * an older operator does not write have the value that stands for what it meant.
 * @throws SettingsError when the text is too large, is not JSON, is of another version, or a field is missing or out of bounds
 */
export function parseSettings(text: string): Settings {
  if (Buffer.byteLength(text) > maxSettingsBytes)
    throw new SettingsError(`the document is larger than ${maxSettingsBytes} bytes`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new SettingsError(`the document is not JSON: ${(error as Error).message}`);
  }
  return decode(document);
}

function decode(value: unknown): Settings {
  const document = object(value, 'the document');
  if (document.version !== settingsVersion)
    throw new SettingsError(`version must be ${settingsVersion}, got ${JSON.stringify(document.version)}`);
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

function hostPort(value: unknown, path: string): string {
  const given = text(value, path, 64);
  const parsed = parseHostPort(given);
  if (!parsed || isIP(parsed.host) === 0) throw new SettingsError(`${path} must be ip:port, got "${given}"`);
  return given;
}

function serverPort(value: unknown, path: string): string {
  const given = text(value, path, 260);
  if (!parseServer(given)) throw new SettingsError(`${path} must be ip:port or name:port, got "${given}"`);
  return given;
}

function oneOf<const T extends string>(allowed: readonly T[]) {
  return (value: unknown, path: string): T => {
    const found = allowed.find((item) => item === value);
    if (found === undefined)
      throw new SettingsError(`${path} must be one of ${allowed.join(', ')}, got ${JSON.stringify(value)}`);
    return found;
  };
}

function object(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SettingsError(`${path} must be an object`);
  return value as Record<string, unknown>;
}

function text(value: unknown, path: string, maxLength: number): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > maxLength)
    throw new SettingsError(`${path} must be a string of 1 to ${maxLength} characters`);
  return value;
}

function boolean(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') throw new SettingsError(`${path} must be true or false`);
  return value;
}

function integer(value: unknown, path: string, minimum: number, maximum: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < minimum || (value as number) > maximum)
    throw new SettingsError(
      `${path} must be a whole number from ${minimum} to ${maximum}, got ${JSON.stringify(value)}`,
    );
  return value as number;
}

function list<T>(value: unknown, path: string, maxItems: number, item: (value: unknown, path: string) => T): T[] {
  if (!Array.isArray(value) || value.length > maxItems)
    throw new SettingsError(`${path} must be a list of at most ${maxItems} items`);
  return value.map((entry, index) => item(entry, `${path}[${index}]`));
}
