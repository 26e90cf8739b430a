import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { type Clock, pause } from '../base/clock.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import { managerName } from '../contract/agent-names.ts';
import { operatorName } from '../contract/operator-names.ts';
import type { NetExporter } from '../crd/net-exporter.ts';
import type { AgentPod } from './agents/agent-pod.ts';
import type { KeyQueue } from './agents/fleet.ts';
import { ReflectorGroup } from './cache/reflector-group.ts';
import type { StoreChange } from './cache/store.ts';
import { ownerKeys } from './cache/watched-kinds.ts';
import { Watches } from './controller/watches.ts';
import type { ApiSource } from './http/api/api-source.ts';
import { registerJudgementMetrics } from './judgement-metrics.ts';
import { ApiClient } from './kube/api-client.ts';
import { ApiTransport } from './kube/api-transport.ts';
import type { ClusterAccess } from './kube/cluster-access.ts';
import { Connection } from './kube/connection.ts';
import type { KubeObject } from './kube/kube-object.ts';
import { RequestHealth } from './kube/request-health.ts';
import { GuardedConnection } from './leader/guarded-connection.ts';
import { LeaderElection } from './leader/leader-election.ts';
import { LeaderTerm } from './leader-term.ts';
import type { OperatorMetrics } from './metrics.ts';
import type { NodeFacts } from './plan/node-facts.ts';
import { registerResourceMetrics } from './resource-metrics.ts';
import type { SyncOptions } from './sync/sync-options.ts';
import { SyncService } from './sync/sync-service.ts';

/** Delay from a failure to process an object until everything is reconciled and planned again, in milliseconds. */
const resyncMs = 5000;

/**
 * Our own rate limit on requests, except watches and the Lease. Requests grow with NetExporters, not with nodes, except
 * the pages of a list (10 for 5,000 pods); the burst covers a whole start. About ten requests wait at a time, one for
 * each worker, so none waits longer than a fraction of a second.
 */
const requestRate = { perSecond: 50, burst: 100 };

/**
 * The time line of a clean stop, in milliseconds after its begin. The process is killed after 4.5 s, and the Lease must
 * be released before, also by an API server that takes a second or two for each response: so no write starts late, and
 * those in flight are awaited, because the Lease must not be released before they end.
 */
const stopTimes = { lastWrite: 1500, reconciles: 2200, status: 2300, events: 2400, writes: 2500, release: 4200 };

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
  /** The Lease is lost while a write was in flight, or after a standstill: the process must exit immediately. */
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
  /** Undefined where agents cannot reach this process. */
  readonly #sync: SyncService | undefined;
  readonly #caches: ReflectorGroup;
  #term: LeaderTerm;
  /** Ends the current term. */
  #depose = () => {};
  readonly #stopping = new AbortController();
  readonly #end = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #campaign: Promise<void> = Promise.resolve();
  #hasSynced = false;
  #cancelResync: (() => void) | undefined;

  constructor(parts: OperatorParts) {
    const { access, clock, random, log, metrics, namespace, identity, version } = parts;
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
      onLost: (why, isUnsafe) => this.#lost(why, isUnsafe),
    });
    metrics.watchLeadership(operatorName, () => this.#election.isLeading);
    this.#connection = new GuardedConnection(access, clock, this.#election.writeGuard);
    this.#client = clientOn(this.#connection, {
      limit: new TokenBucket(requestRate, clock),
      health: this.#health,
    });
    this.#watches = new Watches({
      ...{ client: this.#client, clock, random, log },
      onResource: (change) => this.#resourceChanged(change),
      onChild: (change) => this.#childChanged(change),
      onPod: (change) => this.#podChanged(change),
      onNode: (change) => this.#nodeChanged(change),
      onOptional: () => this.#term.enqueueAll(),
      onRewound: () => this.#rewound(),
      onFault: ({ plural }) => this.#watchFailed(plural),
    });
    const { resources, kinds, pods, nodes } = this.#watches;
    const exposed = () => (this.#election.isLeading ? resources.values() : []);
    registerResourceMetrics(metrics.registry, exposed);
    this.#sync =
      parts.sync &&
      new SyncService({
        ...{ client: this.#client, options: parts.sync, namespace, resources, pods, nodes, clock, random, log },
        registry: metrics.registry,
        nameservers: parts.nameservers,
        isLeading: () => this.#election.isLeading,
        daemonSets: kinds.get('apps/v1 DaemonSet')!.store,
        services: kinds.get('v1 Service')!.store,
        enqueue: (key) => this.#term.enqueue(key),
        plans: queueOf(() => this.#term.plans),
        figures: queueOf(() => this.#term.figures),
        judgements: queueOf(() => this.#term.judgements),
        onFault: ({ plural }) => this.#watchFailed(plural),
      });
    if (this.#sync) registerJudgementMetrics(metrics.registry, exposed, this.#sync);
    this.#caches = new ReflectorGroup([...this.#watches.reflectors, ...(this.#sync?.reflectors ?? [])]);
    this.#term = this.#newTerm();
  }

  #newTerm(): LeaderTerm {
    return new LeaderTerm({ ...this.#parts, client: this.#client, watches: this.#watches, sync: this.#sync });
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

  /** What the API serves. */
  get apiSource(): ApiSource {
    const { resources, nodes } = this.#watches;
    return {
      isLeading: () => this.#election.isLeading,
      leadingSince: () => this.#term.startedAt,
      leaderAddress: () => this.#sync?.leaderAddress,
      resources: () => resources.values(),
      fleetOf: (key) => this.#sync?.knownOf(key),
      events: () => this.#term.history.events(),
      nodeOf: (name) => nodes.get(`/${name}`),
    };
  }

  /** Watches, and reconciles as soon as every cache is full and this operator leads. Resolves at once. */
  start(): void {
    const { signal } = this.#end;
    this.#running = Promise.all([this.#election.follow(signal), this.#caches.run(signal)]);
    this.#campaign = this.#reconcileWhenElected(this.#stopping.signal);
  }

  /**
   * Completes what is in progress, ends everything else and releases the Lease; takes less than four and a half
   * seconds.
   */
  async stop(): Promise<void> {
    const { clock } = this.#parts;
    const startedAt = clock.monotonic();
    const leftMs = (until: keyof typeof stopTimes) => Math.max(0, startedAt + stopTimes[until] - clock.monotonic());
    this.#stopping.abort();
    this.#election.stopRenewing();
    const cancel = clock.after(stopTimes.lastWrite, () => void this.#election.writeGuard.close());
    await Promise.race([this.#campaign, pause(clock, campaignGraceMs, never)]);
    this.#cancelResync?.();
    await this.#term.stop(leftMs);
    cancel();
    await this.#election.resign({ writesMs: leftMs('writes'), releaseMs: () => leftMs('release') });
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
    for (;;) {
      const lost = new AbortController();
      this.#depose = () => lost.abort();
      if (!(await this.#election.campaign(stopping)) || stopping.aborted) return;
      // Lost already where the epoch is gone.
      if (this.#election.epoch !== undefined) this.#term.start(this.#election.epoch);
      await pause(clock, undefined, AbortSignal.any([stopping, lost.signal]));
      if (stopping.aborted) return;
      await this.#term.drop();
      this.#term = this.#newTerm();
    }
  }

  /** @param isUnsafe whether something that this process has begun as leader may still have an effect */
  #lost(why: string, isUnsafe: boolean): void {
    const { log, onLost } = this.#parts;
    if (isUnsafe) onLost(why);
    else {
      log.warn({ why }, 'lost the lease, standing by to acquire it again');
      this.#depose();
    }
  }

  /** What has not changed since may still be another than we made it. */
  #rewound(): void {
    this.#term.applier.forgetWrites();
    this.#term.statusWriter.forgetWrites();
    this.#term.enqueueAll();
  }

  /** Reconciles and plans everything again, once for many failures, because such a change may concern any key. */
  #watchFailed(resource: string): void {
    const { clock, metrics } = this.#parts;
    metrics.watchFailed(resource);
    if (this.#stopping.signal.aborted) return;
    this.#cancelResync ??= clock.after(resyncMs, () => {
      this.#cancelResync = undefined;
      this.#term.enqueueAll();
      this.#sync?.resync();
    });
  }

  #resourceChanged({ key, before, after }: StoreChange<NetExporter>): void {
    this.#term.enqueue(key);
    if (!before || before.metadata.uid === after?.metadata.uid) return;
    this.#term.statusWriter.forget(before.metadata.uid);
    this.#sync?.forget(key);
  }

  #childChanged(change: StoreChange<KubeObject>): void {
    const { before, after } = change;
    this.#sync?.childChanged(change);
    for (const object of [before, after]) if (object) for (const key of ownerKeys(object)) this.#term.enqueue(key);
    if (before && before.metadata.uid !== after?.metadata.uid) this.#term.applier.forget(before.metadata.uid);
  }

  #podChanged(change: StoreChange<AgentPod>): void {
    const { before, after } = change;
    this.#sync?.podChanged(change);
    const { nodes } = this.#watches;
    const isOnUnreadyNode = [before, after].some((pod) => pod && nodes.get(`/${pod.node}`)?.ready === false);
    // Counts are in the DaemonSet's status. Here a fault matters that appears or disappears, an agent that is counted
    // apart, and the last pod that listens on a former port, which the NetworkPolicy allows as long as there is one.
    const isSame =
      isDeepStrictEqual(before?.fault, after?.fault) && this.#isAtFormerPort(before) === this.#isAtFormerPort(after);
    if (isSame && !isOnUnreadyNode) return;
    for (const pod of [before, after]) if (pod) this.#term.enqueue(pod.owner);
  }

  #isAtFormerPort(pod: AgentPod | undefined): boolean {
    const resource = pod && this.#watches.resources.get(pod.owner);
    return resource !== undefined && pod?.port !== undefined && pod.port !== resource.spec.agent.port;
  }

  #nodeChanged(change: StoreChange<NodeFacts>): void {
    const { before, after } = change;
    this.#sync?.nodeChanged(change);
    const name = after?.name ?? before?.name;
    if (name === undefined || before?.ready === after?.ready) return;
    for (const { owner } of this.#watches.pods.byIndex('node', name)) this.#term.enqueue(owner);
  }
}

const never = new AbortController().signal;

/** A queue that is another one in each term. */
function queueOf(current: () => KeyQueue): KeyQueue {
  return { add: (key) => current().add(key), addAfter: (key, ms) => current().addAfter(key, ms) };
}
