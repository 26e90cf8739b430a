import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { managerName } from '../../charts/agent-names.ts';
import type { NetExporter } from '../crd/net-exporter.ts';
import { type AppliedKind, Applier } from './apply/applier.ts';
import { OptionalKind } from './apply/optional-kind.ts';
import { type Clock, pause } from './clock.ts';
import { Controller } from './controller/controller.ts';
import { WorkQueue } from './controller/work-queue.ts';
import { EventRecorder } from './events/event-recorder.ts';
import { ApiClient } from './kube/api-client.ts';
import type { ClusterAccess } from './kube/cluster-access.ts';
import { Connection } from './kube/connection.ts';
import { type KubeObject, keyOf } from './kube/kube-object.ts';
import { Reflector } from './kube/reflector.ts';
import { apiVersionOf, type Resource } from './kube/resource.ts';
import { Store } from './kube/store.ts';
import type { OperatorMetrics } from './metrics.ts';
import { type AgentPod, agentPodOf } from './net-exporter/agent-pod.ts';
import { netExporterReconcile } from './net-exporter/reconcile.ts';
import { StatusWriter } from './net-exporter/status-writer.ts';
import {
  agentPodSelector,
  childKinds,
  netExporters,
  oursSelector,
  ownerKeys,
  podMonitors,
  pods,
} from './net-exporter/watched-kinds.ts';

const workers = 4;

/** Of the five seconds that a clean stop may take, how much the reconciles, the status and the Events under way get. */
const graceMs = 2000;
const statusGraceMs = 1500;
const eventsGraceMs = 500;

export interface OperatorParts {
  access: ClusterAccess;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  metrics: OperatorMetrics;
  agentImage: string;
  podName: string;
  version: string;
}

/** Everything that watches and reconciles, put together. */
export class Operator {
  readonly #parts: OperatorParts;
  readonly #connection: Connection;
  readonly #client: ApiClient;
  readonly #queue: WorkQueue;
  readonly #controller: Controller;
  readonly #statusWriter: StatusWriter;
  readonly #events: EventRecorder;
  readonly #podMonitors: OptionalKind;
  readonly #reflectors: { resource: Resource; reflector: Pick<Reflector<unknown>, 'hasSynced' | 'synced' | 'run'> }[] =
    [];
  readonly #end = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #started = false;

  constructor(parts: OperatorParts) {
    const { access, clock, random, log, metrics, podName, version, agentImage } = parts;
    this.#parts = parts;
    this.#connection = new Connection(access, clock);
    this.#client = new ApiClient({
      connection: this.#connection,
      clock,
      userAgent: `${managerName}/${version}`,
      fieldManager: managerName,
      observe: metrics.requestObserver,
    });
    const reporter = { controller: 'net-exporter.dev/operator', instance: podName };
    this.#events = new EventRecorder({ client: this.#client, reporter, clock, random, log });
    // The cap is low: an API server that comes back is to find us within seconds.
    const backoff = { baseMs: 50, maxMs: 5000 };
    this.#queue = new WorkQueue({ clock, random, backoff, observe: metrics.queueObserver });
    metrics.watchQueue(this.#queue);
    const applier = new Applier(this.#client, managerName, clock);
    this.#statusWriter = new StatusWriter({ client: this.#client, clock, random });
    const resources = this.#watchResources();
    this.#podMonitors = new OptionalKind({
      ...{ client: this.#client, resource: podMonitors, labelSelector: oursSelector, clock, random, log },
      onChange: () => {
        for (const resource of resources.values()) this.#queue.add(keyOf(resource));
      },
    });
    this.#watchChildrenIn(this.#podMonitors.store, applier);
    const reconcile = netExporterReconcile({
      resources,
      podMonitors: this.#podMonitors,
      kinds: this.#watchChildren(applier),
      pods: this.#watchPods(),
      applier,
      statusWriter: this.#statusWriter,
      events: this.#events,
      clock,
      agentImage,
    });
    const observe = metrics.reconcileObserver;
    this.#controller = new Controller({ queue: this.#queue, reconcile, clock, log, observe });
  }

  /** Why it is not ready, or undefined when it is: every cache holds the API server's content and the workers run. */
  unready(): string | undefined {
    if (this.#end.signal.aborted) return 'stopping';
    const missing = this.#reflectors.filter(({ reflector }) => !reflector.hasSynced);
    if (missing.length > 0)
      return `waiting for the first list of ${missing.map(({ resource }) => resource.plural).join(', ')}`;
    return this.#started ? undefined : 'starting';
  }

  /** Watches, and reconciles as soon as every cache is full. Resolves at once. */
  start(): void {
    const { signal } = this.#end;
    this.#running = Promise.all([
      ...this.#reflectors.map(({ reflector }) => reflector.run(signal)),
      this.#podMonitors.run(signal),
      this.#startWhenSynced(signal),
    ]);
  }

  /** Lets what is under way finish and ends everything else; takes less than four seconds. */
  async stop(): Promise<void> {
    const { clock } = this.#parts;
    await this.#controller.stop(graceMs);
    await this.#statusWriter.stop(statusGraceMs);
    const never = new AbortController().signal;
    await Promise.race([this.#events.close(), pause(clock, eventsGraceMs, never)]);
    this.#end.abort(new Error('the operator is stopping'));
    await this.#running;
    await this.#connection.close();
  }

  async #startWhenSynced(signal: AbortSignal): Promise<void> {
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    const synced = [...this.#reflectors.map(({ reflector }) => reflector.synced), this.#podMonitors.settled];
    await Promise.race([stopped, Promise.all(synced)]);
    if (signal.aborted) return;
    this.#controller.start(workers);
    this.#started = true;
    this.#parts.log.info('caches are full; reconciling');
  }

  #watchResources(): Store<NetExporter> {
    const store = new Store<NetExporter>();
    store.onChange(({ key, before, after }) => {
      this.#queue.add(key);
      if (before && before.metadata.uid !== after?.metadata.uid) this.#statusWriter.forget(before.metadata.uid);
    });
    this.#reflect(netExporters, undefined, store, (object) => withoutManagedFields(object) as unknown as NetExporter);
    return store;
  }

  #watchChildren(applier: Applier): Map<string, AppliedKind> {
    const kinds = new Map<string, AppliedKind>();
    for (const resource of childKinds) {
      const store = new Store<KubeObject>();
      this.#watchChildrenIn(store, applier);
      this.#reflect(resource, oursSelector, store, (object) => object);
      kinds.set(`${apiVersionOf(resource)} ${resource.kind}`, { resource, store });
    }
    return kinds;
  }

  #watchChildrenIn(store: Store<KubeObject>, applier: Applier): void {
    store.onChange(({ before, after }) => {
      for (const object of [before, after]) if (object) for (const key of ownerKeys(object)) this.#queue.add(key);
      if (before && before.metadata.uid !== after?.metadata.uid) applier.forget(before.metadata.uid);
    });
  }

  #watchPods(): Store<AgentPod> {
    const store = new Store<AgentPod>({ faulty: ({ owner, fault }) => (fault ? [owner] : []) });
    store.onChange(({ before, after }) => {
      // The DaemonSet's status tells the counts: of pods only a fault that comes or goes is news.
      if (isDeepStrictEqual(before?.fault, after?.fault)) return;
      for (const pod of [before, after]) if (pod) this.#queue.add(pod.owner);
    });
    this.#reflect(pods, agentPodSelector, store, agentPodOf);
    return store;
  }

  #reflect<T>(
    resource: Resource,
    labelSelector: string | undefined,
    store: Store<T>,
    transform: (object: KubeObject) => T,
  ): void {
    const { clock, random, log } = this.#parts;
    const selection = labelSelector === undefined ? {} : { labelSelector };
    const reflector = new Reflector({
      client: this.#client,
      resource,
      ...selection,
      transform,
      store,
      clock,
      random,
      log,
    });
    this.#reflectors.push({ resource, reflector });
  }
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
