import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { apiUses } from '../../contract/api-uses.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import { type AgentPod, agentPodOf } from '../agents/agent-pod.ts';
import type { AppliedKind } from '../apply/applier.ts';
import { Allowance } from '../cache/allowance.ts';
import { childObjectOf } from '../cache/child-object.ts';
import { keptNetExporterOf } from '../cache/kept-net-exporter.ts';
import { OptionalApi } from '../cache/optional-api.ts';
import { Reflector, type ReflectorOptions } from '../cache/reflector.ts';
import type { Reflects } from '../cache/reflector-group.ts';
import { Store, type StoreChange } from '../cache/store.ts';
import {
  agentPodSelector,
  childKinds,
  netExporters,
  oursSelector,
  podMonitors,
  pods,
  prometheusRules,
} from '../cache/watched-kinds.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { type KubeObject, keyOf } from '../kube/kube-object.ts';
import { apiVersionOf, type Resource } from '../kube/resource.ts';
import { type NodeFacts, nodeFactsOf } from '../plan/node-facts.ts';

/**
 * Agents follow whatever operator their ConfigMap names, so a change of it is not left for long, however often it comes
 * back. Bounds the requests that a fast manager causes. Milliseconds.
 */
const maxSettingsRevertDelayMs = 1000;

/**
 * Memory for whole children of one kind, in bytes. The largest, a PrometheusRule, takes some 70 KiB of heap, however
 * many nodes there are, so this is enough for 200 NetExporters; children beyond it are read again when their
 * NetExporter is reconciled.
 */
const maxBytesPerKind = 16 * 1024 * 1024;

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
  onNode: (change: StoreChange<NodeFacts>) => void;
  /** An API that a cluster may have or not has come or gone. */
  onOptional: () => void;
  /** The content of a cache may be older than what it held before (`Store.onRewound`). */
  onRewound: () => void;
  /** An object of this resource could not be processed. */
  onFault: (resource: Resource) => void;
}

/** NetExporters, their children and their agents' pods, and the nodes, as the API server has them. */
export class Watches {
  readonly resources = new Store<NetExporter>();
  /** By apiVersion and kind. */
  readonly kinds: Map<string, AppliedKind>;
  readonly podMonitors: OptionalApi;
  readonly prometheusRules: OptionalApi;
  readonly pods = new Store<AgentPod>({
    owner: ({ owner }) => [owner],
    faulty: ({ owner, fault }) => (fault ? [owner] : []),
    node: ({ node }) => [node],
  });
  readonly nodes = new Store<NodeFacts>({ unready: ({ ready }) => (ready ? [] : ['']) });
  /** Of all of them. */
  readonly reflectors: Reflects[] = [];
  readonly #options: WatchesOptions;

  constructor(options: WatchesOptions) {
    this.#options = options;
    const { onResource, onChild, onPod } = options;
    this.resources.onChange(onResource);
    this.#reflect({ resource: netExporters, store: this.resources, transform: keptNetExporterOf });
    this.kinds = new Map(
      childKinds.map((resource) => {
        const store = new Store<KubeObject>();
        this.#reflect({ resource, labelSelector: oursSelector, store, ...boundedChildren(store, onChild) });
        const bound = resource === apiUses.configMaps ? { maxRevertDelayMs: maxSettingsRevertDelayMs } : {};
        return [`${apiVersionOf(resource)} ${resource.kind}`, { resource, store, ...bound }];
      }),
    );
    this.podMonitors = this.#optional(podMonitors);
    this.prometheusRules = this.#optional(prometheusRules);
    this.pods.onChange(onPod);
    this.#reflect({ resource: pods, labelSelector: agentPodSelector, store: this.pods, transform: agentPodOf });
    this.nodes.onChange(options.onNode);
    this.#reflect({ resource: apiUses.nodes, store: this.nodes, transform: nodeFactsOf });
    for (const store of [
      this.resources,
      this.pods,
      this.nodes,
      this.podMonitors.store,
      this.prometheusRules.store,
      ...this.kinds.values().map(({ store }) => store),
    ])
      store.onRewound(options.onRewound);
  }

  /** A kind of children that the cluster may serve or not. */
  #optional(resource: Resource): OptionalApi {
    const { client, clock, random, log, onChild, onFault, onOptional } = this.#options;
    const store = new Store<KubeObject>();
    const api = new OptionalApi({
      ...{ client, resource, labelSelector: oursSelector, store, clock, random, log, onFault },
      ...boundedChildren(store, onChild),
      onChange: onOptional,
    });
    this.reflectors.push({
      // A cluster without this kind is no obstacle, and neither is one that does not let the operator know.
      obstacle: undefined,
      get notices() {
        return api.notices;
      },
      synced: api.settled,
      run: (signal) => api.run(signal),
    });
    return api;
  }

  #reflect<T>(
    watched: Pick<ReflectorOptions<T>, 'resource' | 'labelSelector' | 'store' | 'transform' | 'onList'>,
  ): void {
    const { client, clock, random, log, onFault } = this.#options;
    this.reflectors.push(new Reflector({ ...watched, client, onFault, clock, random, log }));
  }
}

/** How children of one kind get into their store: whole as long as there is memory for them. */
function boundedChildren(store: Store<KubeObject>, onChild: WatchesOptions['onChild']) {
  const allowance = new Allowance(maxBytesPerKind);
  store.onChange((change) => {
    if (!change.after) allowance.release(change.key);
    onChild(change);
  });
  return {
    transform: (object: KubeObject) => {
      const key = keyOf(object);
      allowance.release(key);
      return childObjectOf(object, (bytes) => allowance.take(key, bytes));
    },
    // A list that failed may have taken parts for objects that never came into the store.
    onList: () => allowance.retain((key) => store.entry(key) !== undefined),
  };
}
