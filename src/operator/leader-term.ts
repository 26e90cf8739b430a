import type { Logger } from 'pino';
import type { BackoffLimits } from '../base/backoff.ts';
import { type Clock, pause } from '../base/clock.ts';
import { managerName } from '../contract/agent-names.ts';
import { reportingController } from '../contract/operator-names.ts';
import { Applier } from './apply/applier.ts';
import { netExporters } from './cache/watched-kinds.ts';
import { Controller, type Reconcile } from './controller/controller.ts';
import { netExporterReconcile } from './controller/reconcile.ts';
import type { Watches } from './controller/watches.ts';
import { WorkQueue } from './controller/work-queue.ts';
import { EventHistory } from './events/event-history.ts';
import { EventRecorder } from './events/event-recorder.ts';
import { judgeEveryMs } from './judge/fleet-judges.ts';
import type { ApiClient } from './kube/api-client.ts';
import { keyOf } from './kube/kube-object.ts';
import type { ControllerName, OperatorMetrics } from './metrics.ts';
import { StatusWriter } from './status/status-writer.ts';
import { SuspectEvents } from './status/suspect-events.ts';
import type { SyncService } from './sync/sync-service.ts';

const workers = 4;

/** Between attempts to reconcile. The cap is low: an API server that comes back is to find us within seconds. */
const reconcileBackoff = { baseMs: 50, maxMs: 5000 };

/** Between attempts of loops without I/O, which only a fault in the code makes fail. */
const planBackoff = { baseMs: 100, maxMs: 10_000 };

/** How long pending plans may take at a stop, in milliseconds. */
const planGraceMs = 200;

export interface LeaderTermParts {
  client: ApiClient;
  watches: Watches;
  /** Undefined where agents cannot reach this process. */
  sync: SyncService | undefined;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  metrics: OperatorMetrics;
  nameservers: readonly string[];
  agentImage: string;
  podName: string;
}

/**
 * Whatever this process does and remembers only while it leads: queues, controllers, writes. After a loss of the Lease
 * it is dropped, and another term starts from the caches.
 */
export class LeaderTerm {
  /** Each key in it is planned for. Where agents cannot reach this process, there are none. */
  readonly plans: WorkQueue;
  /** For each key in it, the figures of a status are compared with what it says. */
  readonly figures: WorkQueue;
  /** The agents of each key in it are judged. */
  readonly judgements: WorkQueue;
  readonly applier: Applier;
  readonly statusWriter: StatusWriter;
  /** The Events of this term. */
  readonly history: EventHistory;
  readonly #parts: LeaderTermParts;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;
  readonly #controller: Controller;
  readonly #planner: Controller;
  readonly #comparer: Controller;
  readonly #judge: Controller;
  /** Milliseconds since the epoch; undefined before the start. */
  #startedAt: number | undefined;

  constructor(parts: LeaderTermParts) {
    this.#parts = parts;
    const { client, clock, random, log, metrics, podName, sync, watches, nameservers, agentImage } = parts;
    const reporter = { controller: reportingController, instance: podName };
    this.history = new EventHistory(clock);
    this.#events = new EventRecorder({
      ...{ client, reporter, clock, random, log, dropped: metrics.droppedEvents },
      history: this.history,
    });
    this.applier = new Applier(client, managerName, netExporters, clock);
    this.statusWriter = new StatusWriter({ client, clock, random });
    const reconciles = this.#loop('netexporter', reconcileBackoff);
    const plans = this.#loop('netexporter-plan', planBackoff);
    const figures = this.#loop('netexporter-figures', planBackoff);
    const judgements = this.#loop('netexporter-judge', planBackoff);
    this.#queue = reconciles.queue;
    this.plans = plans.queue;
    this.figures = figures.queue;
    this.judgements = judgements.queue;
    const { resources, kinds, pods, nodes, podMonitors, prometheusRules } = watches;
    const uidOfNode = (name: string) => nodes.get(`/${name}`)?.uid;
    const suspectEvents = new SuspectEvents({ events: this.#events, clock, uidOfNode });
    this.#controller = reconciles.controller(
      netExporterReconcile({
        ...{ resources, kinds, pods, nodes, podMonitors, prometheusRules, client, clock, random },
        ...{ agentImage, nameservers, sync },
        ...{ applier: this.applier, statusWriter: this.statusWriter, events: this.#events },
      }),
    );
    this.#planner = plans.controller(async (key) => {
      sync?.replan(key);
      return {};
    });
    this.#comparer = figures.controller(async (key) => {
      const requeueAfterMs = sync?.compareFigures(key);
      return requeueAfterMs === undefined ? {} : { requeueAfterMs };
    });
    this.#judge = judgements.controller(async (key, { signal }) => {
      const result = await sync?.judge(key, signal);
      if (!result) return {};
      const resource = resources.get(key);
      if (resource) suspectEvents.report(resource, result.judged.verdict);
      if (result.isNews) this.enqueue(key);
      return { requeueAfterMs: judgeEveryMs };
    });
  }

  /** When it started, in milliseconds since the epoch; undefined before. */
  get startedAt(): number | undefined {
    return this.#startedAt;
  }

  /** @param epoch the leader's */
  start(epoch: number): void {
    this.#startedAt = this.#parts.clock.wall();
    this.#parts.sync?.lead(epoch);
    this.enqueueAll();
    this.#controller.start(workers);
    // One worker each: neither waits for I/O.
    for (const controller of [this.#planner, this.#comparer, this.#judge]) controller.start(1);
  }

  /** Has a NetExporter reconciled. Does nothing before the start, which reconciles all. */
  enqueue(key: string): void {
    if (this.#startedAt !== undefined) this.#queue.add(key);
  }

  enqueueAll(): void {
    for (const resource of this.#parts.watches.resources.values()) this.enqueue(keyOf(resource));
  }

  /** Completes what is in progress, then ends everything. @param leftMs how long each stage may take now */
  async stop(leftMs: (stage: 'reconciles' | 'status' | 'events') => number): Promise<void> {
    // Flush pending plans: the next leader takes seconds to start.
    await this.#planner.drain(planGraceMs);
    const answered = this.#parts.sync?.stop();
    const others = [this.#comparer, this.#judge].map((controller) => controller.stop(0));
    await Promise.all([this.#controller.stop(leftMs('reconciles')), ...others]);
    await this.statusWriter.stop(leftMs('status'));
    const late = new AbortController();
    const { clock } = this.#parts;
    await Promise.race([Promise.all([this.#events.close(), answered]), pause(clock, leftMs('events'), late.signal)]);
    late.abort();
  }

  /** Ends everything immediately: the Lease is lost, so nothing can be written. */
  async drop(): Promise<void> {
    await Promise.all([
      ...[this.#controller, this.#planner, this.#comparer, this.#judge].map((controller) => controller.stop(0)),
      this.statusWriter.stop(0),
      this.#events.drop(),
      this.#parts.sync?.stop(),
    ]);
  }

  /**
   * One control loop: its queue, and its controller once it is known what it does with a key.
   * @param name in the metrics
   */
  #loop(name: ControllerName, backoff: BackoffLimits) {
    const { clock, random, log, metrics } = this.#parts;
    const observe = metrics.controllerObserver(name);
    const queue = new WorkQueue({ clock, random, backoff, observe: observe.queue });
    metrics.watchQueue(name, queue);
    const controller = (reconcile: Reconcile) =>
      new Controller({ name, queue, reconcile, clock, random, log, observe: observe.reconcile });
    return { queue, controller };
  }
}
