import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { pausedAnnotation } from '../../contract/agent-names.ts';
import { apiUses } from '../../contract/api-uses.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import { withDefaults } from '../../crd/with-defaults.ts';
import { type AgentPod, agentPodOf } from '../agents/agent-pod.ts';
import type { AppliedKind } from '../apply/applier.ts';
import { childObjectOf } from '../cache/child-object.ts';
import { OptionalApi } from '../cache/optional-api.ts';
import { Reflector } from '../cache/reflector.ts';
import type { Reflects } from '../cache/reflector-group.ts';
import { Store, type StoreChange } from '../cache/store.ts';
import { agentPodSelector, childKinds, netExporters, oursSelector, podMonitors, pods } from '../cache/watched-kinds.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { apiVersionOf, type Resource } from '../kube/resource.ts';

/**
 * Agents follow whatever operator their ConfigMap names, so a change of it is not left for long, however often it comes
 * back. Bounds the requests that a fast manager causes. Milliseconds.
 */
const maxSettingsRevertDelayMs = 1000;

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
  /** An object of this resource could not be processed. */
  onFault: (resource: Resource) => void;
}

/** NetExporters, their children and their agents' pods, as the API server has them. */
export class Watches {
  readonly resources = new Store<NetExporter>();
  /** By apiVersion and kind. */
  readonly kinds: Map<string, AppliedKind>;
  readonly podMonitors: OptionalApi;
  readonly pods = new Store<AgentPod>({
    owner: ({ owner }) => [owner],
    faulty: ({ owner, fault }) => (fault ? [owner] : []),
  });
  /** Of all of them. */
  readonly reflectors: Reflects[] = [];
  readonly #options: WatchesOptions;

  constructor(options: WatchesOptions) {
    this.#options = options;
    const { client, clock, random, log, onResource, onChild, onPod, onOptional } = options;
    this.resources.onChange(onResource);
    this.#reflect(netExporters, undefined, this.resources, (object) =>
      withDefaults(withUsedMetadata(object) as unknown as NetExporter),
    );
    this.kinds = new Map(
      childKinds.map((resource) => {
        const store = new Store<KubeObject>();
        store.onChange(onChild);
        // The six objects of a NetExporter are 32 kB of heap, however many nodes there are.
        this.#reflect(resource, oursSelector, store, childObjectOf);
        const bound = resource === apiUses.configMaps ? { maxRevertDelayMs: maxSettingsRevertDelayMs } : {};
        return [`${apiVersionOf(resource)} ${resource.kind}`, { resource, store, ...bound }];
      }),
    );
    this.podMonitors = new OptionalApi({
      ...{ client, resource: podMonitors, labelSelector: oursSelector, transform: childObjectOf, clock, random, log },
      onFault: options.onFault,
      onChange: onOptional,
    });
    this.podMonitors.store.onChange(onChild);
    const api = this.podMonitors;
    this.reflectors.push({
      // A cluster without this kind is no obstacle, and neither is one that does not let the operator know.
      obstacle: undefined,
      get notices() {
        return api.notices;
      },
      synced: api.settled,
      run: (signal) => api.run(signal),
    });
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

  #reflect<T>(
    resource: Resource,
    labelSelector: string | undefined,
    store: Store<T>,
    transform: (object: KubeObject) => T,
  ): void {
    const { client, clock, random, log, onFault } = this.#options;
    const selection = labelSelector === undefined ? {} : { labelSelector };
    const options = { client, resource, ...selection, transform, store, onFault, clock, random, log };
    this.reflectors.push(new Reflector(options));
  }
}

/** Number of finalizers that are kept, those of the garbage collector included. */
const maxFinalizers = 10;

/** Keeps what is used of the metadata of a NetExporter: the rest is at the discretion of its author, up to 1 MiB. */
function withUsedMetadata({ metadata, ...object }: KubeObject): Omit<KubeObject, 'metadata'> & { metadata: object } {
  const { labels: _, managedFields: __, ownerReferences: ___, finalizers, annotations, ...used } = metadata;
  const paused = annotations?.[pausedAnnotation];
  return {
    ...object,
    metadata: {
      ...used,
      // They say what a deletion waits for.
      ...(used.deletionTimestamp !== undefined && finalizers && { finalizers: finalizers.slice(0, maxFinalizers) }),
      ...(paused !== undefined && { annotations: { [pausedAnnotation]: paused } }),
    },
  };
}
