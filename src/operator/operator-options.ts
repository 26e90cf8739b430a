import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { parseHostPort } from '../base/host-port.ts';
import { imageNames } from '../contract/image-names.ts';
import { operatorNamespace, operatorPort, syncPort } from '../contract/operator-names.ts';
import type { SyncOptions } from './sync/sync-options.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Options from the command line and the environment. */
export interface OperatorOptions {
  /** Undefined: the cluster in which the operator runs. */
  kubeconfig: string | undefined;
  agentImage: string;
  podName: string;
  /** The operator's own namespace, which has the Lease for leader election. */
  namespace: string;
  port: number;
  logLevel: string;
  /** How agents reach this process while it leads. Undefined: no sync with agents. */
  sync: SyncOptions | undefined;
  /** By which more names clients may reach the API; undefined: there is no API. */
  pageHosts: readonly string[] | undefined;
}

/** An invalid option; `message` says what to write. */
export class OptionError extends Error {
  readonly code = 'InvalidOption';
  override readonly name = 'OptionError';
}

/**
 * Reads the command line and the environment. The variable KUBECONFIG is not read.
 * @param version the operator's version, which determines the default agent image
 * @throws OptionError
 */
export function operatorOptions(
  args: string[],
  environment: Record<string, string | undefined>,
  version: string,
): OperatorOptions {
  const logLevel = environment.LOG_LEVEL || 'info';
  if (!logLevels.includes(logLevel))
    throw new OptionError(`LOG_LEVEL must be one of ${logLevels.join(', ')}, got "${logLevel}"`);
  return {
    kubeconfig: kubeconfigFlag(args),
    agentImage: environment.AGENT_IMAGE || imageNames(version).agent,
    podName: environment.POD_NAME || 'net-exporter-operator',
    namespace: environment.POD_NAMESPACE || operatorNamespace,
    port: portOf('PORT', environment.PORT, operatorPort),
    logLevel,
    sync: syncOptions(environment),
    pageHosts: pageHosts(environment),
  };
}

function pageHosts({ PAGE = 'true', PAGE_HOSTS = '' }: Record<string, string | undefined>): string[] | undefined {
  if (PAGE !== 'true' && PAGE !== 'false' && PAGE !== '')
    throw new OptionError(`PAGE must be true or false, got "${PAGE}"`);
  const hosts = PAGE_HOSTS.split(',').flatMap((host) => host.trim() || []);
  const wrong = hosts.find((host) => !/^[a-z\d]([a-z\d.-]*[a-z\d])?$/i.test(host));
  if (wrong !== undefined)
    throw new OptionError(
      `PAGE_HOSTS must be names without ports, such as a.example.com,b.example.com, got "${wrong}"`,
    );
  return PAGE === 'false' ? undefined : hosts;
}

function portOf(variable: string, text: string | undefined, preset: number): number {
  const port = Number(text || preset);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new OptionError(`${variable} must be a port number, such as ${preset}, got "${text}"`);
  return port;
}

/** SYNC_ADVERTISE is for operators outside of a pod, which agents reach at another address or through a proxy. */
function syncOptions(environment: Record<string, string | undefined>): SyncOptions | undefined {
  const port = portOf('SYNC_PORT', environment.SYNC_PORT, syncPort);
  const text = environment.SYNC_ADVERTISE || environment.POD_IP;
  if (!text) return undefined;
  const advertised = parseHostPort(text, port);
  if (!advertised) {
    const variable = environment.SYNC_ADVERTISE ? 'SYNC_ADVERTISE' : 'POD_IP';
    throw new OptionError(`${variable} must be an address or address:port, such as 10.0.0.1:8443, got "${text}"`);
  }
  const advertisedPort = isIP(text) === 0 ? advertised.port : undefined;
  return { port, address: advertised.host, advertisedPort };
}

function kubeconfigFlag(args: string[]): string | undefined {
  try {
    const { values } = parseArgs({ args, options: { kubeconfig: { type: 'string' } } });
    if (values.kubeconfig === '') throw new RangeError('--kubeconfig requires a file name');
    return values.kubeconfig;
  } catch (cause) {
    throw new OptionError(`${(cause as Error).message}; usage: operator [--kubeconfig FILE]`, { cause });
  }
}
