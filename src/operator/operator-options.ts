import { parseArgs } from 'node:util';
import { imageNames } from '../../charts/image-names.ts';
import { operatorNamespace } from '../../charts/operator-names.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** What the operator is told when it starts. */
export interface OperatorOptions {
  /** Undefined: the cluster that the operator runs in. */
  kubeconfig: string | undefined;
  agentImage: string;
  podName: string;
  /** Where the Lease is by which operators agree on their leader: the operator's own namespace. */
  namespace: string;
  port: number;
  logLevel: string;
}

/** An option that cannot be used; `message` says what to write. */
export class OptionError extends Error {
  readonly code = 'InvalidOption';
  override readonly name = 'OptionError';
}

/**
 * Reads the command line and the environment. KUBECONFIG is not among what is read.
 * @param version the operator's, which decides the default of the agents' image
 * @throws OptionError
 */
export function operatorOptions(
  args: string[],
  environment: Record<string, string | undefined>,
  version: string,
): OperatorOptions {
  const port = Number(environment.PORT || '8080');
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new OptionError(`PORT must be a port number, such as 8080, got "${environment.PORT}"`);
  const logLevel = environment.LOG_LEVEL || 'info';
  if (!logLevels.includes(logLevel))
    throw new OptionError(`LOG_LEVEL must be one of ${logLevels.join(', ')}, got "${logLevel}"`);
  return {
    kubeconfig: kubeconfigFlag(args),
    agentImage: environment.AGENT_IMAGE || imageNames(version).agent,
    podName: environment.POD_NAME || 'net-exporter-operator',
    namespace: environment.POD_NAMESPACE || operatorNamespace,
    port,
    logLevel,
  };
}

function kubeconfigFlag(args: string[]): string | undefined {
  try {
    const { values } = parseArgs({ args, options: { kubeconfig: { type: 'string' } } });
    if (values.kubeconfig === '') throw new RangeError('--kubeconfig needs a file');
    return values.kubeconfig;
  } catch (cause) {
    throw new OptionError(`${(cause as Error).message}; usage: operator [--kubeconfig FILE]`, { cause });
  }
}
