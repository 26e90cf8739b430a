import { isIP } from 'node:net';

/** What the pod tells its agent, read once at start. */
export interface Environment {
  /** The node that the agent runs on. Seeds its schedule and its choice of peers, so that a new pod on the node goes on as the old one did. */
  nodeName: string;
  /** The agent's own addresses, none of which is a peer. */
  podIps: string[];
  /** The port of the HTTP server (TCP) and of the echo (UDP). */
  port: number;
  /** The settings document, in a directory that the kubelet refreshes. */
  settingsFile: string;
  /** How the operator is reached, in the same directory; where it is missing, agents do without. */
  syncAccessFile: string;
  /** The token by which the operator knows the agent; the kubelet renews it. */
  syncTokenFile: string;
  /** Where the agent keeps its own copy of settings, assignment and peers. */
  stateDirectory: string;
  /** The resolver configuration that workloads on this node have. */
  resolvConf: string;
  /** The port on which the nameservers of `resolvConf` are asked, which that file has no word for. */
  nameserverPort: number;
}

/** An environment that the agent cannot start from; `message` names the variable and what it must be. */
export class EnvironmentError extends Error {
  readonly code = 'InvalidEnvironment';
  override readonly name = 'EnvironmentError';
}

/**
 * Reads the agent's environment; what is not set has the value that the operator's DaemonSet would give.
 * @throws EnvironmentError when a variable holds something else than it must
 */
export function readEnvironment(variables: Record<string, string | undefined>, hostname: string): Environment {
  const text = (name: string, otherwise: string) => variables[name] || otherwise;
  return {
    nodeName: text('NODE_NAME', text('POD_NAME', hostname)),
    podIps: addresses(variables.POD_IPS ?? ''),
    port: port('PORT', text('PORT', '8000')),
    settingsFile: text('SETTINGS_FILE', '/etc/net-exporter/settings.json'),
    syncAccessFile: text('SYNC_ACCESS_FILE', '/etc/net-exporter/sync.json'),
    syncTokenFile: text('SYNC_TOKEN_FILE', '/var/run/secrets/net-exporter/token'),
    stateDirectory: text('STATE_DIRECTORY', '/var/lib/net-exporter'),
    resolvConf: text('RESOLV_CONF', '/etc/resolv.conf'),
    nameserverPort: port('NAMESERVER_PORT', text('NAMESERVER_PORT', '53')),
  };
}

function addresses(list: string): string[] {
  const given = list.split(',').map((item) => item.trim());
  const wrong = given.find((item) => item !== '' && isIP(item) === 0);
  if (wrong !== undefined)
    throw new EnvironmentError(`POD_IPS must be a comma-separated list of IP addresses, got "${wrong}"`);
  return given.filter((item) => item !== '');
}

function port(name: string, value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < 1 || number > 65_535)
    throw new EnvironmentError(`${name} must be a port from 1 to 65535, got "${value}"`);
  return number;
}
