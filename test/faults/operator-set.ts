import { setTimeout as sleep } from 'node:timers/promises';
import { syncServiceName } from '../../src/contract/operator-names.ts';
import { waitFor } from '../cluster/wait.ts';
import type { ClusterApi } from './cluster-api.ts';
import { OperatorProcess } from './operator-process.ts';

export interface OperatorSetOptions {
  names: readonly string[];
  namespace: string;
  /** The kubeconfig of the process of that name. */
  kubeconfig: (name: string) => string;
  api: ClusterApi;
  /** As of {@link OperatorProcessOptions}. */
  advertised?: string | undefined;
  compileCache?: string | undefined;
}

const slicePath = (namespace: string) =>
  `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/${syncServiceName}`;

const leasePath = (namespace: string) =>
  `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/net-exporter-operator`;

/** The operator's replicas, each a process that is started again when it ends, as a kubelet does it. */
export class OperatorSet {
  readonly #options: OperatorSetOptions;
  readonly #processes = new Map<string, OperatorProcess>();
  /** Those whose end was the test's doing. */
  readonly #ended = new WeakSet<OperatorProcess>();
  readonly #overlaps: string[] = [];
  #unexpected: string[] = [];
  #stopped = false;
  #watching: Promise<void>;

  constructor(options: OperatorSetOptions) {
    this.#options = options;
    for (const name of options.names) this.#start(name);
    this.#watching = this.#restart();
  }

  get running(): OperatorProcess[] {
    return [...this.#processes.values()].filter(({ isRunning }) => isRunning);
  }

  /** The one that reconciles: the Lease's holder, or the only one there is. */
  async leader(): Promise<OperatorProcess | undefined> {
    const [only, ...others] = this.running;
    if (others.length === 0) return only;
    const { namespace, api } = this.#options;
    const lease = await api.get<{ spec?: { holderIdentity?: string } }>(leasePath(namespace)).catch(() => undefined);
    const holder = lease?.spec?.holderIdentity ?? '';
    return this.running.find(({ name }) => holder.startsWith(name));
  }

  /** Where the leader answers agents; undefined where none does. */
  async syncListener(): Promise<{ host: string; port: number } | undefined> {
    const { namespace, api, advertised } = this.#options;
    if (advertised === undefined) return undefined;
    const slice = await api.get<{ ports?: { port: number }[] }>(slicePath(namespace)).catch(() => undefined);
    const port = slice?.ports?.[0]?.port;
    return port === undefined ? undefined : { host: advertised, port };
  }

  /** Ends one process, which is then started again. @returns milliseconds until its end */
  async end(operator: OperatorProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
    this.#ended.add(operator);
    return operator.end(signal);
  }

  /** Waits until every process is there and one reconciles. */
  async waitForLeader(timeout: number): Promise<OperatorProcess> {
    const { names } = this.#options;
    const leader = async () => (this.running.length === names.length ? this.leader() : undefined);
    return waitFor('a leader among the operators', leader, { timeout });
  }

  /** What the processes did that they must not do since this was asked last, each in a sentence. */
  takeFaults(): string[] {
    for (const { overlap } of this.#processes.values()) this.#overlaps.push(...overlap.found.splice(0));
    return [...this.#overlaps.splice(0), ...this.#unexpected.splice(0)];
  }

  /** Ends all of them for good. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#watching;
    await Promise.all([...this.#processes.values()].map((operator) => operator.end('SIGTERM')));
  }

  #start(name: string): void {
    const { kubeconfig, ...options } = this.#options;
    this.#processes.set(name, new OperatorProcess({ ...options, name, kubeconfig: kubeconfig(name) }));
  }

  async #restart(): Promise<void> {
    while (!this.#stopped) {
      for (const [name, operator] of this.#processes) {
        if (operator.isRunning) continue;
        await operator.closed;
        this.#overlaps.push(...operator.overlap.found);
        if (!this.#ended.has(operator) && !isLossOfLease(operator))
          this.#unexpected.push(`${name} ended by itself with ${operator.ending}:\n${operator.log.slice(-2000)}`);
        this.#start(name);
      }
      await sleep(200);
    }
  }
}

/**
 * Whether an operator ended because it lost the Lease in the middle of a write or after a standstill, which is how it
 * has to end: with exit code 1 right after it has logged why.
 * @param log one JSON object a line
 */
export function isLossOfLease({ ending, log }: Pick<OperatorProcess, 'ending' | 'log'>): boolean {
  if (ending !== 'exit code 1') return false;
  try {
    const line = JSON.parse(log.split('\n').at(-1)!) as { msg?: unknown } | null;
    return line?.msg === 'lost the lease, exiting';
  } catch {
    return false;
  }
}
