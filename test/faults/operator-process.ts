import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathOf } from '../../src/operator/kube/resource.ts';
import { waitFor } from '../cluster/wait.ts';
import type { WitnessAnswer, WitnessQuestion } from './cache-witness.ts';
import type { ClusterApi } from './cluster-api.ts';
import { ReconcileOverlap } from './reconcile-overlap.ts';

const main = join(import.meta.dirname, '../../src/operator/main.ts');
const witness = join(import.meta.dirname, 'cache-witness.ts');

/** Lines of the log that are kept, for who looks for the cause of a failure: those of two minutes beside strangers. */
const keptLines = 5000;

export interface OperatorProcessOptions {
  /** The pod's name that the operator goes by. */
  name: string;
  namespace: string;
  kubeconfig: string;
  /** The address at which agents are told to call it; it does not sync without. */
  advertised?: string | undefined;
  /** A folder that makes the second start take half the processor's time of the first, as in the image. */
  compileCache?: string | undefined;
}

/** An operator that runs from the sources, as a child of the test. */
export class OperatorProcess {
  readonly name: string;
  readonly overlap = new ReconcileOverlap();
  readonly startedAt = Date.now();
  /** Settles when it has ended and its whole log has been read. */
  readonly closed: Promise<void>;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #questions = new Map<number, (answer: WitnessAnswer) => void>();
  #asked = 0;
  #port: number | undefined;

  constructor({ name, namespace, kubeconfig, advertised, compileCache }: OperatorProcessOptions) {
    this.name = name;
    this.#child = spawn(process.execPath, ['--import', witness, main, '--kubeconfig', kubeconfig], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        ...{ PATH: process.env.PATH, PORT: '0', POD_NAME: name, POD_NAMESPACE: namespace, LOG_LEVEL: 'debug' },
        ...(advertised !== undefined && { SYNC_ADVERTISE: advertised, SYNC_PORT: '0' }),
        ...(compileCache !== undefined && { NODE_COMPILE_CACHE: compileCache }),
      },
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      createInterface({ input: stream }).on('line', (line) => this.#take(line));
    this.#child.on('message', (answer: WitnessAnswer) => this.#questions.get(answer.id)?.(answer));
    this.closed = new Promise((resolve) => this.#child.once('close', () => resolve()));
    // Its end is seen by who waits for it.
    this.#child.on('error', () => {});
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended: an exit code or a signal; undefined while it runs. */
  get ending(): string | undefined {
    const { exitCode, signalCode } = this.#child;
    return this.isRunning ? undefined : (signalCode ?? `exit code ${exitCode}`);
  }

  /** The last lines of its log. */
  get log(): string {
    return this.#lines.join('\n');
  }

  /** Where it serves health and metrics on this machine; undefined while nothing listens. */
  get port(): number | undefined {
    return this.isRunning ? this.#port : undefined;
  }

  /** What `/readyz` says; undefined while nothing listens. */
  async readiness(): Promise<string | undefined> {
    if (this.#port === undefined || !this.isRunning) return undefined;
    const answer = await fetch(`http://127.0.0.1:${this.#port}/readyz`, { signal: AbortSignal.timeout(5000) });
    return answer.text();
  }

  /** How its caches differ from what the API server has, each in a sentence. */
  async cacheDifferences(api: ClusterApi): Promise<string[]> {
    const { selections = [] } = await this.#ask({});
    if (selections.length === 0) return ['there is no cache yet'];
    const contents = await Promise.all(
      selections.map(({ resource, labelSelector, scope }) => {
        const query = new URLSearchParams({
          ...(labelSelector !== undefined && { labelSelector }),
          ...(scope?.name !== undefined && { fieldSelector: `metadata.name=${scope.name}` }),
        });
        return api.items(`${pathOf(resource, scope && { namespace: scope.namespace })}?${query}`);
      }),
    );
    return (await this.#ask({ contents })).differences ?? [];
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(signal);
  }

  /** Sends a signal that ends it and waits for that. @returns milliseconds until then */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
    const from = performance.now();
    if (this.isRunning) {
      const exited = once(this.#child, 'exit');
      this.#child.kill(signal);
      // One that was stopped takes no other signal.
      this.#child.kill('SIGCONT');
      await exited;
    }
    return performance.now() - from;
  }

  #ask(question: Omit<WitnessQuestion, 'id'>): Promise<WitnessAnswer> {
    const id = ++this.#asked;
    return new Promise<WitnessAnswer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.name} does not answer`)), 10_000);
      this.#questions.set(id, resolve);
      this.#child.send({ id, ...question } as object, (error) => error && reject(error));
      timer.unref();
    }).finally(() => this.#questions.delete(id));
  }

  #take(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > keptLines) this.#lines.shift();
    let fact: Record<string, unknown>;
    try {
      fact = JSON.parse(line) as Record<string, unknown>;
    } catch {
      return;
    }
    if (fact.msg === 'operator started') this.#port = fact.port as number;
    this.overlap.take(fact);
  }
}

/**
 * Waits until an operator's caches are what the API server has.
 * @param operator which one, asked at every try: one that was held up beyond its Lease ends, and another takes its
 *   place
 */
export async function cachesEqual(
  operator: () => Promise<OperatorProcess>,
  api: ClusterApi,
  timeout: number,
): Promise<void> {
  const equal = async () => {
    const differences = await (await operator()).cacheDifferences(api);
    if (differences.length > 0) throw new Error(differences.slice(0, 10).join('; '));
    return true;
  };
  await waitFor("equality of the leader's caches and the API server's content", equal, { timeout });
}
