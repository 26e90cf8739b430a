import { prepare } from '../bench/agent.ts';
import { BenchCluster, namespace } from '../bench/bench-cluster.ts';
import { Cleanups } from '../test/cluster/cleanups.ts';
import { TimeoutError, waitFor } from '../test/cluster/wait.ts';
import { apply, netExporter, waitForAgents, waitForSync } from '../test/e2e/environment.ts';
import { WatchedFleet } from '../test/e2e/watched-fleet.ts';
import { ClusterApi } from '../test/faults/cluster-api.ts';
import { contradictions, isTold, suspectEvents, suspectsInMetrics, suspectsInStatus } from '../test/judge/agreement.ts';
import type { JudgedFault } from '../test/judge/fault-site.ts';
import { judgedFaults } from '../test/judge/faults.ts';
import { type FaultTime, outcomesOf, type StatusSuspect } from '../test/judge/outcomes.ts';
import { SuspectWatch } from '../test/judge/suspect-watch.ts';
import { type PlannedEvent, type PlannedStage, plannedEvents } from './judge/planned-events.ts';
import { type DoneFault, verdict } from './judge/verdict.ts';
import { Rounds } from './operations/choice.ts';
import { Random } from './random.ts';
import type { Soak, SoakResult } from './soak.ts';

/** Two in each of three zones. */
const nodes = 6;
const name = 'soak';
const probing = { interval: '5s' };
const host = 'kubernetes.default.svc.cluster.local.';
const spec = { dns: { ...probing, hosts: [host] }, network: { ...probing, protocols: ['TCP', 'UDP'] } };
/** Within so many seconds there is a verdict, or none; and everything is at rest again. */
const verdictDeadline = 180;
const restDeadline = 300;
/** A suspect is looked at for so long, and what was planned is watched. Seconds. */
const lookSeconds = 10;
const watchSeconds = 60;
/** Within so many milliseconds metrics and Events say what the status says. */
const agreementMs = 10_000;

type Kind = { fault: JudgedFault } | { event: PlannedEvent };

const kinds: readonly Kind[] = [
  ...judgedFaults.map((fault) => ({ fault })),
  ...plannedEvents.map((event) => ({ event })),
];

/**
 * Faults of nodes, links, zones, Services and DNS on a cluster, and planned events, each kind once in an order of
 * chance, then again: for each fault the right suspect and no other, in the status, in conditions, Events and metrics,
 * which is gone afterwards; for each planned event none. It does each kind once, whatever time it was given.
 */
export const run: Soak = async ({ seed, minutes, signal, log }) =>
  BenchCluster.with({ nodes, prepare, signal, log }, async (bench) => {
    const api = await ClusterApi.of(bench.cluster.kubeconfig);
    try {
      await apply(bench.kubectl, netExporter(namespace, name, spec));
      await waitForAgents(bench.kubectl, namespace, name, nodes);
      await using watch = await SuspectWatch.start(api, namespace, name);
      const random = new Random(seed);
      const soak = new JudgeSoak(bench, watch, random);
      const rounds = new Rounds(kinds, random);
      const endAt = performance.now() + minutes * 60_000;
      for (let done = 0; done < kinds.length || performance.now() < endAt; done++)
        if (!(await soak.perform(rounds.next()))) break;
      return soak.result;
    } finally {
      api.close();
    }
  });

class JudgeSoak {
  readonly #bench: BenchCluster;
  readonly #watch: SuspectWatch;
  readonly #stage: PlannedStage;
  readonly #faults: (FaultTime & Pick<DoneFault, 'verdictSeconds' | 'reasons'>)[] = [];
  readonly #planned: string[] = [];
  /** What began when, in monotonic milliseconds. */
  readonly #begun: { what: string; at: number; isFault: boolean }[] = [];
  readonly #disagreements: string[] = [];
  readonly #failures: string[] = [];

  constructor(bench: BenchCluster, watch: SuspectWatch, random: Random) {
    this.#bench = bench;
    this.#watch = watch;
    const { cluster, kubectl } = bench;
    const choose: PlannedStage['choose'] = (items, count) => random.sample(items, count);
    const fleet = new WatchedFleet(bench, namespace, name);
    this.#stage = { bench, cluster, kubectl, namespace, name, choose, fleet };
  }

  /** @returns whether everything is at rest afterwards, so that more can follow */
  async perform(kind: Kind): Promise<boolean> {
    const { signal, log } = this.#bench;
    const what = `${this.#begun.length + 1} (${'fault' in kind ? kind.fault.name : kind.event.name})`;
    const isAtRest = await this.#rests(`before ${what}`);
    if (!isAtRest) return false;
    log(what);
    this.#begun.push({ what, at: performance.now(), isFault: 'fault' in kind });
    try {
      await ('fault' in kind ? this.#inject(kind.fault, what) : this.#do(kind.event));
    } catch (error) {
      signal.throwIfAborted();
      this.#failures.push(`${what}: ${(error as Error).message}`);
    }
    return await this.#rests(`after ${what}`);
  }

  async #inject(fault: JudgedFault, what: string): Promise<void> {
    const { signal, log } = this.#bench;
    const undo = new Cleanups();
    let time: FaultTime | undefined;
    await undo.after(async () => {
      const { key, reasons } = await fault.inject(this.#stage, undo);
      const { name: kind, verdictSeconds } = fault;
      time = { name: kind, key, from: performance.now(), until: Number.POSITIVE_INFINITY };
      this.#faults.push(Object.assign(time, { verdictSeconds, reasons }));
      const isFound = await this.#watch.untilFound(key, verdictDeadline, signal);
      const { found, suspect } = this.#latest;
      log(`  ${isFound ? `found after ${found?.toFixed(1)} s: ${suspect?.evidence}` : `${key} was not found`}`);
      if (isFound) await this.#agrees(what, 'SuspectFound', suspect!);
      await this.#bench.pass(lookSeconds);
      time.until = performance.now();
    }, log);
    await this.#watch.untilCleared(time!.key, restDeadline, signal);
    const { found, cleared, suspect } = this.#latest;
    if (found === undefined) return;
    log(`  cleared after ${cleared?.toFixed(1)} s`);
    await this.#agrees(what, 'SuspectCleared', suspect!);
  }

  async #do(event: PlannedEvent): Promise<void> {
    const undo = new Cleanups();
    await undo.after(() => event.run(this.#stage, undo), this.#bench.log);
    this.#planned.push(event.name);
    await this.#bench.pass(watchSeconds);
  }

  get #latest() {
    return outcomesOf(this.#watch.snapshots, this.#faults).outcomes.at(-1)!;
  }

  /** Conditions, metrics and Events say what the status says. */
  async #agrees(what: string, reason: 'SuspectFound' | 'SuspectCleared', suspect: StatusSuspect): Promise<void> {
    const { kubectl, signal } = this.#bench;
    const since = Date.now() - (performance.now() - this.#faults.at(-1)!.from);
    const lacking = async () => {
      const events = await suspectEvents(kubectl, namespace, { kind: 'NetExporter', name });
      const [metrics, status] = [
        await suspectsInMetrics({ kubectl }, namespace, name),
        suspectsInStatus(this.#watch.now),
      ];
      return [
        ...contradictions(this.#watch.now),
        ...(metrics.join() === status.join()
          ? []
          : [`metrics show ${metrics.join() || 'none'}, the status ${status.join() || 'none'}`]),
        ...(isTold(events, reason, suspect, since) ? [] : [`no Event ${reason} about ${suspect.kind} ${suspect.name}`]),
      ];
    };
    const agree = async () => {
      const lacks = await lacking();
      if (lacks.length > 0) throw new Error(lacks.join('; '));
      return true;
    };
    await this.#unlessTimeout(waitFor('agreement', agree, { timeout: agreementMs, interval: 500, signal }), (message) =>
      this.#disagreements.push(`${what}: ${message}`),
    );
  }

  async #rests(when: string): Promise<boolean> {
    const { kubectl, cluster, signal } = this.#bench;
    const isHealthy = async () => {
      await waitForSync(kubectl, namespace, name, cluster.nodes.length);
      if (!(await this.#watch.untilHealthy(restDeadline, signal)))
        throw new TimeoutError('health', restDeadline * 1000, new Error(JSON.stringify(this.#watch.now)));
    };
    return await this.#unlessTimeout(isHealthy(), (message) => this.#failures.push(`not at rest ${when}: ${message}`));
  }

  /** @returns whether it came true */
  async #unlessTimeout(work: Promise<unknown>, onTimeout: (message: string) => void): Promise<boolean> {
    try {
      await work;
      return true;
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      this.#bench.log(`  ${error.message}`);
      onTimeout(error.message);
      return false;
    }
  }

  get result(): SoakResult {
    const { snapshots } = this.#watch;
    const { outcomes, wrong } = outcomesOf(snapshots, this.#faults);
    const duringOf = (at: number) => this.#begun.findLast((begun) => begun.at <= at);
    const faults = outcomes.map((outcome, index) => ({ ...this.#faults[index]!, ...outcome }));
    const unready = snapshots
      .filter(({ at, conditions }) => duringOf(at)?.isFault && conditions.Ready?.status !== 'True')
      .map(
        ({ at, conditions }) =>
          `${duringOf(at)!.what}: Ready is ${conditions.Ready?.status}: ${conditions.Ready?.message}`,
      );
    const { figures, failures } = verdict({
      faults,
      planned: this.#planned,
      kinds: kinds.length,
      wrong: wrong.map((suspect) => ({ ...suspect, during: duringOf(suspect.at)?.what ?? 'the start' })),
      unready,
      disagreements: this.#disagreements,
    });
    return { figures, failures: [...this.#failures, ...failures], details: { faults, snapshots } };
  }
}
