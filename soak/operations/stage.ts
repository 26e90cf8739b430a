import type { BenchCluster } from '../../bench/bench-cluster.ts';
import { operatorNamespace } from '../../src/contract/operator-names.ts';
import { Cleanups } from '../../test/cluster/cleanups.ts';
import { TimeoutError, waitFor } from '../../test/cluster/wait.ts';
import { processesOf } from '../../test/e2e/container-process.ts';
import { apply, netExporter } from '../../test/e2e/environment.ts';
import { type ClusterApi, ClusterApiError } from '../../test/faults/cluster-api.ts';
import type { Random } from '../random.ts';
import { expectedPods } from './agents-truth.ts';
import { type AtRest, unrest } from './calm.ts';
import { editKinds, editSpec, type SpecPatch } from './clients.ts';
import { type Expectation, lacksIn } from './description.ts';
import type { PodFacts } from './facts.ts';
import type { Moment } from './moment.ts';
import type { Observer } from './observer.ts';

/** One everyday operation. */
export interface Operation {
  /** Its kind. */
  name: string;
  /** Whether all that it does is what administrators plan: then nothing is worth a Warning. */
  isPlanned: boolean;
  /** Within how many seconds everything is at rest again afterwards; 120 by default. */
  deadline?: number;
  /** What it changes is set back by what it gives to `stage.later`. */
  run: (stage: Stage) => Promise<void>;
}

/** What operations act on, and by what. */
export class Stage {
  readonly bench: BenchCluster;
  readonly api: ClusterApi;
  readonly random: Random;
  readonly observer: Observer;
  readonly namespace: string;
  readonly name: string;
  readonly baseSpec: object;
  /** What was not as it must be, each in a sentence. */
  readonly failures: string[] = [];
  /** How often `kubectl describe` was read. */
  described = 0;
  #cleanups = new Cleanups();
  /** When the operation began, in monotonic milliseconds. */
  #begunAt = performance.now();

  constructor(parts: Pick<Stage, 'bench' | 'api' | 'random' | 'observer' | 'namespace' | 'name' | 'baseSpec'>) {
    const { bench, api, random, observer, namespace, name, baseSpec } = parts;
    this.bench = bench;
    this.api = api;
    this.random = random;
    this.observer = observer;
    this.namespace = namespace;
    this.name = name;
    this.baseSpec = baseSpec;
  }

  /** The path of the NetExporter at the API server. */
  get path(): string {
    return `${this.collection}/${this.name}`;
  }

  get collection(): string {
    return `/apis/net-exporter.dev/v1alpha1/namespaces/${this.namespace}/netexporters`;
  }

  /** An operation begins: Events before it are about something else. */
  begin(): void {
    this.#begunAt = performance.now();
  }

  /** What is done when the operation ends, the newest first, whatever happened. */
  later(what: string, step: () => Promise<unknown> | unknown): void {
    this.#cleanups.add(what, async () => {
      this.observer.acted();
      await step();
    });
  }

  /** Sets back what the operation changed. */
  async restore(): Promise<void> {
    const cleanups = this.#cleanups;
    this.#cleanups = new Cleanups();
    await cleanups.run();
  }

  /** Creates the NetExporter as at the beginning. */
  async create(): Promise<void> {
    this.observer.acted();
    await apply(this.bench.kubectl, netExporter(this.namespace, this.name, this.baseSpec));
  }

  /** Edits the spec, by a client of a kind that is left to chance. */
  async edit(spec: SpecPatch): Promise<void> {
    this.observer.acted();
    await editSpec(this.api, this.path, spec, this.random.pick(editKinds));
  }

  /** Edits the spec until the end of the operation. */
  async editForNow(spec: SpecPatch, before: SpecPatch): Promise<void> {
    this.later('the spec', () => this.api.patch(this.path, 'merge', { spec: before }));
    await this.edit(spec);
  }

  /** Sets an annotation of the NetExporter until the end of the operation. */
  async annotateForNow(annotation: string, value: string): Promise<void> {
    const annotate = (to: string | null) =>
      this.api.patch(this.path, 'merge', { metadata: { annotations: { [annotation]: to } } });
    this.later('the annotation', () => annotate(null));
    this.observer.acted();
    await annotate(value);
  }

  /** Merges a patch into an object. @param child its name where it is a child of the NetExporter */
  async patch(path: string, patch: object, child?: string): Promise<void> {
    this.observer.acted(child);
    await this.api.patch(path, 'merge', patch);
  }

  /** Deletes an object, unless it is gone. */
  async delete(path: string, options: object = {}): Promise<void> {
    this.observer.acted();
    await this.api.delete(path, options).catch((error) => {
      if (!(error instanceof ClusterApiError) || error.status !== 404) throw error;
    });
  }

  async pass(seconds: number): Promise<void> {
    await this.bench.pass(seconds);
  }

  /** Waits until something is so. @throws {TimeoutError} */
  async until(what: string, isSo: (moment: Moment) => boolean, seconds = 120): Promise<void> {
    const { signal } = this.bench;
    await waitFor(what, () => isSo(this.observer.now), { timeout: seconds * 1000, interval: 200, signal });
  }

  /** One of the nodes. */
  anyNode(): string {
    return this.random.pick(this.bench.cluster.nodes).name;
  }

  /** One of the agents. */
  anyAgent(): PodFacts {
    return this.random.pick(expectedPods(this.observer.now).sure);
  }

  /** The operator that leads. @throws Error if there is no leader */
  leader(): PodFacts {
    const { leader } = this.observer.now;
    const pod = this.observer.operators.find(({ name }) => name === leader?.pod);
    if (!pod) throw new Error('no operator leads');
    return pod;
  }

  /**
   * Waits until another operator leads than this one, or this one again as a new process.
   * @param endedAt when it was to end, in monotonic milliseconds
   */
  async untilLedAnew({ name }: PodFacts, endedAt: number): Promise<void> {
    await this.until(`a leader after ${name}`, ({ leader }) => leader !== undefined && leader.since > endedAt, 60);
  }

  /** Sends a signal to the processes of a container. */
  async signal(place: { namespace: string; pod: string; container: string }, signal: NodeJS.Signals) {
    const { namespace, pod, container } = place;
    const pids = await processesOf(this.bench.cluster, namespace, pod, container);
    this.observer.acted();
    for (const pid of pids) process.kill(pid, signal);
  }

  signalLeader({ name }: PodFacts, signal: NodeJS.Signals): Promise<void> {
    return this.signal({ namespace: operatorNamespace, pod: name, container: 'operator' }, signal);
  }

  signalAgent({ name }: PodFacts, signal: NodeJS.Signals): Promise<void> {
    return this.signal({ namespace: this.namespace, pod: name, container: 'agent' }, signal);
  }

  /** Halts a daemon of a node until the end of the operation. */
  halt(node: string, daemon: 'kubelet' | 'kube-proxy'): void {
    const { cluster } = this.bench;
    this.later(`${daemon} of ${node}`, () => cluster.signalDaemon(node, daemon, 'SIGCONT'));
    this.observer.acted();
    cluster.signalDaemon(node, daemon, 'SIGSTOP');
  }

  /** Reads `kubectl describe netexporter`, which alone has to say what is at fault and what to do. */
  async describe(expectation: Expectation, seconds = 60): Promise<void> {
    const { kubectl, signal, log } = this.bench;
    let lacks: string[] = [];
    const isEnough = async () => {
      const text = await kubectl(['describe', 'netexporter', '-n', this.namespace, this.name]);
      const sinceBegun = (performance.now() - this.#begunAt) / 1000;
      lacks = lacksIn(text, expectation, Math.min(60, Math.floor(sinceBegun)));
      return lacks.length === 0;
    };
    this.described++;
    try {
      await waitFor('kubectl describe', isEnough, { timeout: seconds * 1000, interval: 1000, signal });
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      log(`kubectl describe: ${lacks.join('; ')}`);
      this.failures.push(...lacks.map((lack) => `${this.observer.operation}: kubectl describe: ${lack}`));
    }
  }

  /** Waits until everything is at rest, and the operator says so. @throws {TimeoutError} that says what is missing */
  async rest(atRest: AtRest, seconds: number): Promise<void> {
    const calm = () => {
      const ready = this.observer.operators.filter(({ isReady, isDeleting }) => isReady && !isDeleting).length;
      const missing = unrest(this.observer.now, ready, atRest);
      if (missing.length > 0) throw new Error(missing.join('; '));
      return true;
    };
    const { signal } = this.bench;
    await waitFor('rest', calm, { timeout: seconds * 1000, interval: 300, signal });
  }
}
