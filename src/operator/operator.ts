import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { BackoffLimits } from '../base/backoff.ts';
import { type Clock, pause } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { managerName } from '../contract/agent-names.ts';
import { operatorName, reportingController } from '../contract/operator-names.ts';
import type { NetExporter } from '../crd/net-exporter.ts';
import type { AgentPod } from './agents/agent-pod.ts';
import { Applier } from './apply/applier.ts';
import { ReflectorGroup } from './cache/reflector-group.ts';
import type { StoreChange } from './cache/store.ts';
import { netExporters, ownerKeys } from './cache/watched-kinds.ts';
import { Controller, type Reconcile } from './controller/controller.ts';
import { netExporterReconcile } from './controller/reconcile.ts';
import { Watches } from './controller/watches.ts';
import { WorkQueue } from './controller/work-queue.ts';
import { EventRecorder } from './events/event-recorder.ts';
import { ApiClient } from './kube/api-client.ts';
import { ApiTransport } from './kube/api-transport.ts';
import type { ClusterAccess } from './kube/cluster-access.ts';
import { Connection } from './kube/connection.ts';
import { type KubeObject, keyOf } from './kube/kube-object.ts';
import { RequestHealth } from './kube/request-health.ts';
import { GuardedConnection } from './leader/guarded-connection.ts';
import { LeaderElection } from './leader/leader-election.ts';
import type { ControllerName, OperatorMetrics } from './metrics.ts';
import { StatusWriter } from './status/status-writer.ts';
import type { SyncOptions } from './sync/sync-options.ts';
import { SyncService } from './sync/sync-service.ts';

const workers = 4;

/** Between attempts to reconcile. The cap is low: an API server that comes back is to find us within seconds. */
const reconcileBackoff = { baseMs: 50, maxMs: 5000 };

/** Between attempts of loops without I/O, which only a fault in the code makes fail. */
const planBackoff = { baseMs: 100, maxMs: 10_000 };

/** Delay from a failure to process an object until everything is reconciled and planned again, in milliseconds. */
const resyncMs = 5000;

/**
 * Our own rate limit on requests, except watches and the Lease. Requests grow with NetExporters, not with nodes, except
 * the pages of a list (10 for 5,000 pods); the burst covers a whole start. About ten requests wait at a time, one for
 * each worker, so none waits longer than a fraction of a second.
 */
const requestRate = { perSecond: 50, burst: 100 };

/** Of the five seconds that a clean stop may take, how much the reconciles, the status and the Events under way get. */
const graceMs = 1500;
const planGraceMs = 200;
const statusGraceMs = 1500;
const eventsGraceMs = 500;

/** How long a stop waits for an attempt to acquire the Lease that is in progress. */
const campaignGraceMs = 1000;

export interface OperatorParts {
  access: ClusterAccess;
  /** Those that pods have; empty where they are not known. */
  nameservers: readonly string[];
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  metrics: OperatorMetrics;
  agentImage: string;
  podName: string;
  /** Where the Lease is. */
  namespace: string;
  /** Of this very process among all that may hold the Lease. */
  identity: string;
  version: string;
  /** How agents reach this process; undefined: they do not. */
  sync: SyncOptions | undefined;
  /** The Lease is lost: the process has to end at once, and to do nothing before. */
  onLost: (why: string) => void;
}

/**
 * Everything that watches and reconciles, put together. Every operator watches; only the one that holds the Lease
 * reconciles, and only that one writes.
 */
export class Operator {
  readonly #parts: OperatorParts;
  readonly #leaseConnection: Connection;
  readonly #election: LeaderElection;
  readonly #connection: Connection;
  readonly #client: ApiClient;
  readonly #health: RequestHealth;
  readonly #watches: Watches;
  readonly #applier: Applier;
  /** Undefined where agents cannot reach this process. */
  readonly #sync: SyncService | undefined;
  readonly #caches: ReflectorGroup;
  readonly #queue: WorkQueue;
  readonly #controller: Controller;
  /** Plans who probes whom. Where agents cannot reach this process it has nothing to do. */
  readonly #planner: Controller;
  /** Compares the figures of a status with what it says. */
  readonly #figures: Controller;
  readonly #statusWriter: StatusWriter;
  readonly #events: EventRecorder;
  readonly #stopping = new AbortController();
  readonly #end = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #campaign: Promise<void> = Promise.resolve();
  #hasSynced = false;
  #reconciles = false;
  #cancelResync: (() => void) | undefined;

  constructor(parts: OperatorParts) {
    const { access, clock, random, log, metrics, podName, namespace, identity, version, agentImage, onLost } = parts;
    this.#parts = parts;
    const userAgent = `${managerName}/${version} (${process.platform}/${process.arch}) node/${process.versions.node}`;
    const clientOn = (connection: Connection, options: { limit?: TokenBucket; health?: RequestHealth } = {}) => {
      const observe = metrics.requestObserver;
      const transport = new ApiTransport({ connection, clock, random, userAgent, observe, ...options });
      return new ApiClient(transport, managerName);
    };
    this.#health = new RequestHealth(clock);
    this.#leaseConnection = new Connection(access, clock);
    this.#election = new LeaderElection({
      client: clientOn(this.#leaseConnection),
      place: { namespace, name: operatorName },
      identity,
      clock,
      random,
      log,
      onFault: ({ plural }) => this.#watchFailed(plural),
      onLost,
    });
    metrics.watchLeadership(operatorName, () => this.#election.isLeading);
    this.#connection = new GuardedConnection(access, clock, this.#election.writeGuard);
    this.#client = clientOn(this.#connection, {
      limit: new TokenBucket(requestRate, clock),
      health: this.#health,
    });
    const reporter = { controller: reportingController, instance: podName };
    this.#events = new EventRecorder({ client: this.#client, reporter, clock, random, log });
    this.#applier = new Applier(this.#client, managerName, netExporters, clock);
    this.#statusWriter = new StatusWriter({ client: this.#client, clock, random });
    this.#watches = new Watches({
      ...{ client: this.#client, clock, random, log },
      onResource: (change) => this.#resourceChanged(change),
      onChild: (change) => this.#childChanged(change),
      onPod: (change) => this.#podChanged(change),
      onOptional: () => this.#enqueueAll(),
      onRewound: () => this.#rewound(),
      onFault: ({ plural }) => this.#watchFailed(plural),
    });
    const reconciles = this.#loop('netexporter', reconcileBackoff);
    const plans = this.#loop('netexporter-plan', planBackoff);
    const figures = this.#loop('netexporter-figures', planBackoff);
    this.#queue = reconciles.queue;
    const { resources, kinds, pods, podMonitors } = this.#watches;
    this.#sync =
      parts.sync &&
      new SyncService({
        ...{ client: this.#client, options: parts.sync, namespace, resources, pods, clock, random, log },
        registry: metrics.registry,
        nameservers: parts.nameservers,
        isLeading: () => this.#election.isLeading,
        daemonSets: kinds.get('apps/v1 DaemonSet')!.store,
        enqueue: (key) => this.#enqueue(key),
        plans: plans.queue,
        figures: figures.queue,
        onFault: ({ plural }) => this.#watchFailed(plural),
      });
    this.#caches = new ReflectorGroup([...this.#watches.reflectors, ...(this.#sync?.reflectors ?? [])]);
    this.#controller = reconciles.controller(
      netExporterReconcile({
        ...{ resources, kinds, pods, podMonitors, clock, agentImage },
        nameservers: parts.nameservers,
        applier: this.#applier,
        statusWriter: this.#statusWriter,
        events: this.#events,
        sync: this.#sync,
      }),
    );
    this.#planner = plans.controller(async (key) => {
      this.#sync?.replan(key);
      return {};
    });
    this.#figures = figures.controller(async (key) => {
      const requeueAfterMs = this.#sync?.compareFigures(key);
      return requeueAfterMs === undefined ? {} : { requeueAfterMs };
    });
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

  /** Why it is not ready; undefined if it is: every cache has synced, so it can lead. */
  unready(): string | undefined {
    if (this.#stopping.signal.aborted) return 'stopping';
    const ofLease = this.#election.obstacle;
    const obstacles = [...this.#caches.obstacles, ofLease, this.#health.obstacle].filter((why) => why !== undefined);
    if (obstacles.length > 0) return obstacles.join('\n');
    return this.#hasSynced ? undefined : 'waiting for the discovery of optional APIs';
  }

  /** What people should know although the operator is ready, each in a sentence. */
  notices(): string[] {
    return [...this.#caches.notices, ...(this.#sync?.notices ?? [])];
  }

  /** Its role, for `/readyz`. */
  state(): string {
    if (this.#election.isLeading) return 'leading';
    const { holder } = this.#election;
    return holder === undefined ? 'standby, there is no leader' : `standby, the leader is ${holder}`;
  }

  /** Watches, and reconciles as soon as every cache is full and this operator leads. Resolves at once. */
  start(): void {
    const { signal } = this.#end;
    this.#running = Promise.all([this.#election.follow(signal), this.#caches.run(signal)]);
    this.#campaign = this.#reconcileWhenElected(this.#stopping.signal);
  }

  /**
   * Lets what is under way finish, ends everything else and gives the Lease back; takes less than four and a half
   * seconds.
   */
  async stop(): Promise<void> {
    const { clock } = this.#parts;
    const never = new AbortController().signal;
    this.#stopping.abort();
    await Promise.race([this.#campaign, pause(clock, campaignGraceMs, never)]);
    this.#cancelResync?.();
    // Flush pending plans: the next leader takes seconds to start.
    await this.#planner.drain(planGraceMs);
    const answered = this.#sync?.stop();
    await Promise.all([this.#controller.stop(graceMs), this.#figures.stop(0)]);
    await this.#statusWriter.stop(statusGraceMs);
    await Promise.race([this.#events.close(), pause(clock, eventsGraceMs, never)]);
    await answered;
    await this.#election.resign();
    this.#end.abort(new Error('the operator is stopping'));
    await this.#running;
    await Promise.all([this.#connection.close(), this.#leaseConnection.close()]);
  }

  async #reconcileWhenElected(stopping: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    await Promise.race([pause(clock, undefined, stopping), this.#caches.synced]);
    if (stopping.aborted) return;
    this.#hasSynced = true;
    log.info('caches synced, waiting for the lease');
    if (!(await this.#election.campaign(stopping)) || stopping.aborted) return;
    this.#reconciles = true;
    this.#sync?.lead(this.#election.epoch ?? 0);
    this.#enqueueAll();
    this.#controller.start(workers);
    // One worker each: neither waits for I/O.
    for (const controller of [this.#planner, this.#figures]) controller.start(1);
  }

  /** On a standby nothing waits: once it leads, it looks at everything. */
  #enqueue(key: string): void {
    if (this.#reconciles) this.#queue.add(key);
  }

  #enqueueAll(): void {
    for (const resource of this.#watches.resources.values()) this.#enqueue(keyOf(resource));
  }

  /** What has not changed since may still be another than we made it. */
  #rewound(): void {
    this.#applier.forgetWrites();
    this.#statusWriter.forgetWrites();
    this.#enqueueAll();
  }

  /** Reconciles and plans everything again, once for many failures, because such a change may concern any key. */
  #watchFailed(resource: string): void {
    const { clock, metrics } = this.#parts;
    metrics.watchFailed(resource);
    if (this.#stopping.signal.aborted) return;
    this.#cancelResync ??= clock.after(resyncMs, () => {
      this.#cancelResync = undefined;
      this.#enqueueAll();
      this.#sync?.resync();
    });
  }

  #resourceChanged({ key, before, after }: StoreChange<NetExporter>): void {
    this.#enqueue(key);
    if (!before || before.metadata.uid === after?.metadata.uid) return;
    this.#statusWriter.forget(before.metadata.uid);
    this.#sync?.forget(key);
  }

  #childChanged(change: StoreChange<KubeObject>): void {
    const { before, after } = change;
    this.#sync?.childChanged(change);
    for (const object of [before, after]) if (object) for (const key of ownerKeys(object)) this.#enqueue(key);
    if (before && before.metadata.uid !== after?.metadata.uid) this.#applier.forget(before.metadata.uid);
  }

  #podChanged(change: StoreChange<AgentPod>): void {
    const { before, after } = change;
    this.#sync?.podChanged(change);
    // Counts are in the DaemonSet's status, so only a fault that appears or disappears matters here.
    if (isDeepStrictEqual(before?.fault, after?.fault)) return;
    for (const pod of [before, after]) if (pod) this.#enqueue(pod.owner);
  }
}
