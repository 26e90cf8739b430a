import { isIP } from 'node:net';

/** Configuration of the agent from environment variables, read once at start. */
export interface Environment {
  /**
   * Name of the node. Seeds the schedule and the choice of peers, so a replacement pod on the node continues with the
   * same ones.
   */
  nodeName: string;
  /** Addresses of the pod. They are excluded from the peers. */
  podIps: string[];
  /** Port of the HTTP server (TCP) and of the echo responder (UDP). */
  port: number;
  /** Path of the settings document, in a directory that the kubelet keeps up to date. */
  settingsFile: string;
  /** Path of the sync access document, in the same directory. If it is missing, the agent runs without the operator. */
  syncAccessFile: string;
  /** Path of the service account token that authenticates the agent to the operator. The kubelet rotates it. */
  syncTokenFile: string;
  /** Directory of the state cache: settings, assignment and peers. */
  stateDirectory: string;
  /** Path of the resolv.conf that pods on this node use by default. */
  resolvConf: string;
  /** Port of the nameservers in `resolvConf`. resolv.conf(5) has no syntax for ports. */
  nameserverPort: number;
}

/** Invalid environment variables. `message` names the variable and its valid values. */
export class EnvironmentError extends Error {
  readonly code = 'InvalidEnvironment';
  override readonly name = 'EnvironmentError';
}

/**
 * Reads the environment variables. Defaults equal the values that the DaemonSet sets.
 * @throws EnvironmentError if a variable is invalid
 */
export function readEnvironment(variables: Record<string, string | undefined>, hostname: string): Environment {
  const text = (name: string, fallback: string) => variables[name] || fallback;
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
  const invalid = given.find((item) => item !== '' && isIP(item) === 0);
  if (invalid !== undefined)
    throw new EnvironmentError(`POD_IPS must be a comma-separated list of IP addresses, got "${invalid}"`);
  return given.filter((item) => item !== '');
}

function port(name: string, value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < 1 || number > 65_535)
    throw new EnvironmentError(`${name} must be a port from 1 to 65535, got "${value}"`);
  return number;
}
