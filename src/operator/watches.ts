import type { Logger } from 'pino';
import type { NetExporter } from '../crd/net-exporter.ts';
import type { AppliedKind } from './apply/applier.ts';
import { OptionalKind } from './apply/optional-kind.ts';
import type { Clock } from './clock.ts';
import type { ApiClient } from './kube/api-client.ts';
import type { KubeObject } from './kube/kube-object.ts';
import { Reflector } from './kube/reflector.ts';
import { apiVersionOf, type Resource } from './kube/resource.ts';
import { Store, type StoreChange } from './kube/store.ts';
import { type AgentPod, agentPodOf } from './net-exporter/agent-pod.ts';
import {
  agentPodSelector,
  childKinds,
  netExporters,
  oursSelector,
  podMonitors,
  pods,
} from './net-exporter/watched-kinds.ts';

export interface WatchesOptions {
  client: ApiClient;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  onResource: (change: StoreChange<NetExporter>) => void;
  /** Of all kinds. */
  onChild: (change: StoreChange<KubeObject>) => void;
  onPod: (change: StoreChange<AgentPod>) => void;
  /** An API that a cluster may have or not has come or gone. */
  onOptional: () => void;
  /** The content of a cache may be older than what it held before (`Store.onRewound`). */
  onRewound: () => void;
}

/** NetExporters, their children and their agents' pods, as the API server has them. */
export class Watches {
  readonly resources = new Store<NetExporter>();
  /** By apiVersion and kind. */
  readonly kinds: Map<string, AppliedKind>;
  readonly podMonitors: OptionalKind;
  readonly pods = new Store<AgentPod>({
    owner: ({ owner }) => [owner],
    faulty: ({ owner, fault }) => (fault ? [owner] : []),
  });
  readonly #options: WatchesOptions;
  readonly #reflectors: Pick<Reflector<unknown>, 'obstacle' | 'synced' | 'run'>[] = [];

  constructor(options: WatchesOptions) {
    this.#options = options;
    const { client, clock, random, log, onResource, onChild, onPod, onOptional } = options;
    this.resources.onChange(onResource);
    this.#reflect(
      netExporters,
      undefined,
      this.resources,
      (object) => withoutManagedFields(object) as unknown as NetExporter,
    );
    this.kinds = new Map(
      childKinds.map((resource) => {
        const store = new Store<KubeObject>();
        store.onChange(onChild);
        // Whole: the six of a NetExporter are 32 kB of heap however many nodes there are. The larger half of it, managedFields, tells
        // who changes what is ours.
        this.#reflect(resource, oursSelector, store, (object) => object);
        return [`${apiVersionOf(resource)} ${resource.kind}`, { resource, store }];
      }),
    );
    this.podMonitors = new OptionalKind({
      ...{ client, resource: podMonitors, labelSelector: oursSelector, clock, random, log },
      onChange: onOptional,
    });
    this.podMonitors.store.onChange(onChild);
    this.pods.onChange(onPod);
    this.#reflect(pods, agentPodSelector, this.pods, agentPodOf);
    for (const store of [
      this.resources,
      this.pods,
      this.podMonitors.store,
      ...this.kinds.values().map(({ store }) => store),
    ])
      store.onRewound(options.onRewound);
  }

  /** Why caches do not hold what they should, each in a sentence. */
  get obstacles(): string[] {
    return this.#reflectors.map(({ obstacle }) => obstacle).filter((why) => why !== undefined);
  }

  /** Resolves once every cache has held the whole content. */
  async synced(): Promise<void> {
    await Promise.all([...this.#reflectors.map(({ synced }) => synced), this.podMonitors.settled]);
  }

  /** Runs until the signal is aborted. It never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([...this.#reflectors, this.podMonitors].map((watch) => watch.run(signal)));
  }

  #reflect<T>(
    resource: Resource,
    labelSelector: string | undefined,
    store: Store<T>,
    transform: (object: KubeObject) => T,
  ): void {
    const { client, clock, random, log } = this.#options;
    const selection = labelSelector === undefined ? {} : { labelSelector };
    this.#reflectors.push(
      new Reflector({ client, resource, ...selection, transform, store, clock, random, log }) as Reflector<unknown>,
    );
  }
}

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
