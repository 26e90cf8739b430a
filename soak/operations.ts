import { prepare } from '../bench/agent.ts';
import { BenchCluster, namespace } from '../bench/bench-cluster.ts';
import { TimeoutError } from '../test/cluster/wait.ts';
import { ClusterApi } from '../test/faults/cluster-api.ts';
import { agents } from './operations/agents.ts';
import { Rounds } from './operations/choice.ts';
import { edits } from './operations/edits.ts';
import { leaders, operatorCount } from './operations/leaders.ts';
import { repeatsIn } from './operations/log-repeats.ts';
import { objects } from './operations/objects.ts';
import { Observer } from './operations/observer.ts';
import { type PlannedTime, reportsOf, warningsOfPlanned } from './operations/reported.ts';
import { resources } from './operations/resources.ts';
import { type Operation, Stage } from './operations/stage.ts';
import { meanings } from './operations/statements.ts';
import { surroundings } from './operations/surroundings.ts';
import { badTransitions } from './operations/transitions.ts';
import { type DoneOperation, type Seen, verdict } from './operations/verdict.ts';
import { Random } from './random.ts';
import type { Soak, SoakResult } from './soak.ts';

/** Two of them have no operator, so that one can lose its way to the next leader. */
const nodes = 4;
const name = 'soak';
/** Within so many seconds the installation, and a cluster that was repaired, are at rest. */
const deadline = 300;
/** Within so many seconds after an operation, unless it says otherwise. */
const usualDeadline = 120;
/** What is said after an operation is compared for so long: what is false becomes a failure after five seconds. */
const comparedSeconds = 7;

const quick = { interval: '2s', timeout: '1s' };
/** Half of the agents at a time: a rollout takes a minute instead of two. */
const baseSpec = {
  agent: { maxUnavailable: '50%' },
  dns: { ...quick, hosts: ['kubernetes.default.svc.cluster.local.'] },
  network: { ...quick, protocols: ['TCP', 'UDP'] },
};

export const operations: readonly Operation[] = [
  ...edits,
  ...objects,
  ...leaders,
  ...surroundings,
  ...agents,
  ...resources,
];

/**
 * Everyday operations on a cluster, each kind once in an order of chance, then again: edits, deletions, lost leaders,
 * DNS, nodes and agents that fail, namespaces that go. An observer that does not use the operator's code compares all
 * that conditions, figures, Events and metrics say with what is so. No statement may be false for more than five
 * seconds, no change to a bad state may lack its Warning Event, no log line may repeat the last one without a new fact,
 * and `kubectl describe` alone has to say what is at fault and what to do.
 */
export const run: Soak = async ({ seed, minutes, signal, log }) =>
  BenchCluster.with({ nodes, prepare, signal, log }, async (bench) => {
    const api = await ClusterApi.of(bench.cluster.kubeconfig);
    try {
      const observer = new Observer({ api, cluster: bench.cluster, namespace, name });
      const stage = new Stage({ bench, api, random: new Random(seed), observer, namespace, name, baseSpec });
      const soak = new OperationsSoak(stage);
      try {
        await soak.start();
        const rounds = new Rounds(operations, stage.random);
        const endAt = performance.now() + minutes * 60_000;
        do if (!(await soak.perform(rounds.next()))) break;
        while (performance.now() < endAt);
      } finally {
        await stage.restore();
        await observer.stop();
      }
      return soak.result;
    } finally {
      api.close();
    }
  });

class OperationsSoak {
  readonly #stage: Stage;
  readonly #observer: Observer;
  readonly #atRest = { name, nodes, operators: operatorCount };
  readonly #done: DoneOperation[] = [];
  readonly #planned: PlannedTime[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#observer = stage.observer;
  }

  async start(): Promise<void> {
    await this.#observer.start();
    await this.#stage.create();
    await this.#stage.rest(this.#atRest, deadline);
    await this.#stage.pass(comparedSeconds);
  }

  /** @returns whether everything is at rest again, so that another operation can follow */
  async perform({ name: kind, isPlanned, run, deadline: seconds = usualDeadline }: Operation): Promise<boolean> {
    const { bench, failures } = this.#stage;
    const operation = `${this.#done.length + 1} (${kind})`;
    this.#observer.operation = operation;
    const falsehoods = this.#observer.judge.falsehoods.length;
    const from = Date.now();
    const began = performance.now();
    this.#stage.begin();
    try {
      await run(this.#stage).finally(() => this.#stage.restore());
    } catch (error) {
      bench.signal.throwIfAborted();
      failures.push(`${operation}: ${(error as Error).message}`);
    }
    const ended = performance.now();
    const isAtRest = await this.#rests(operation, seconds);
    const restedAfter = (performance.now() - ended) / 1000;
    this.#done.push({ kind, seconds: (ended - began) / 1000, restedAfter });
    await this.#stage.pass(comparedSeconds);
    // An Event may come after all is at rest.
    if (isPlanned) this.#planned.push({ from, until: Date.now(), operation });
    const found = this.#observer.judge.falsehoods.slice(falsehoods);
    bench.log(`${operation}: at rest after ${restedAfter.toFixed(1)} s; ${found.length} false statements`);
    for (const { subject, said, seconds, truth } of found)
      bench.log(`  ${subject}: ${said} for ${seconds} s; so was: ${truth}`);
    return isAtRest || (await this.#repaired(operation));
  }

  async #rests(operation: string, seconds: number): Promise<boolean> {
    try {
      await this.#stage.rest(this.#atRest, seconds);
      return true;
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      this.#stage.bench.log(`${operation}: ${error.message}`);
      this.#stage.failures.push(`${operation}: ${error.message}`);
      return false;
    }
  }

  /** Whether everything is at rest again after the NetExporter and all that is of it have been made anew. */
  async #repaired(operation: string): Promise<boolean> {
    try {
      await this.#repair(operation);
    } catch (error) {
      this.#stage.bench.signal.throwIfAborted();
      this.#stage.failures.push(`no repair after ${operation}: ${(error as Error).message}`);
      return false;
    }
    return this.#rests(this.#observer.operation, deadline);
  }

  async #repair(operation: string): Promise<void> {
    const { bench, path } = this.#stage;
    this.#observer.operation = `the repair after ${operation}`;
    await this.#stage.delete(path);
    const labels = `app.kubernetes.io/instance=${name},app.kubernetes.io/name=net-exporter-agent`;
    const kinds = 'daemonsets,configmaps,services,serviceaccounts,networkpolicies,pods';
    await bench.kubectl(['delete', kinds, '-n', namespace, '-l', labels, '--ignore-not-found', '--timeout=120s']);
    await this.#stage.create();
  }

  get result(): SoakResult {
    const { judge, statuses, events, logs, facts } = this.#observer;
    const bad = statuses.flatMap((version, index) => badTransitions(statuses[index - 1], version));
    const reports = reportsOf(bad, events);
    const transitions = bad.map((transition, index) => ({ ...transition, reported: reports[index]! }));
    const seen: Seen = {
      operations: this.#done,
      kinds: operations.length,
      judged: judge,
      transitions,
      warnings: warningsOfPlanned(events, this.#planned),
      logLines: logs.lines.length,
      repeats: repeatsIn(logs.lines, facts),
      described: this.#stage.described,
    };
    const { figures, failures } = verdict(seen);
    return {
      figures,
      failures: [...this.#stage.failures, ...failures],
      details: { meanings, operations: this.#done, transitions, events, statuses: statuses.length },
    };
  }
}
