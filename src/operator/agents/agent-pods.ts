import { agentNames, isPaused } from '../../contract/agent-names.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import type { Store } from '../cache/store.ts';
import { controllerOf, type KubeObject, keyOf } from '../kube/kube-object.ts';
import type { AgentPod } from './agent-pod.ts';

/** What is remembered of a DaemonSet. */
interface TrackedDaemonSet {
  /** The uid of the NetExporter that owned it last. */
  owner: string;
  /** Whether all of its pods are about to be deleted. */
  isEnding: boolean;
}

/**
 * The pods of each NetExporter's agents. Those of a DaemonSet that is deleted are its agents until the garbage
 * collector has deleted the last of them, which takes minutes in a large cluster: so all are known to leave when the
 * first of them does.
 */
export class AgentPods {
  readonly #pods: Store<AgentPod>;
  readonly #daemonSets: Store<KubeObject>;
  /** By key of the NetExporter and uid; of those that have pods. */
  readonly #known = new Map<string, Map<string, TrackedDaemonSet>>();
  /** Each one once: an object that is the same is taken to hold the same. */
  readonly #leaving = new WeakMap<AgentPod, AgentPod>();

  /** @param pods with an index `owner` */
  constructor(pods: Store<AgentPod>, daemonSets: Store<KubeObject>) {
    this.#pods = pods;
    this.#daemonSets = daemonSets;
  }

  /**
   * The agents as they are by what the last `update` found: the pods of the NetExporter's own DaemonSet, and of those
   * before it. Others that have its labels are no agents of it.
   */
  of(resource: NetExporter): AgentPod[] {
    const key = keyOf(resource);
    const present = this.#pods.byIndex('owner', key);
    const agents: AgentPod[] = [];
    for (const [daemonSetUid, { owner, isEnding }] of this.#known.get(key) ?? []) {
      const pods = present.filter(({ controller }) => controller === daemonSetUid);
      if (isEnding) agents.push(...pods.map((pod) => this.#leave(pod)));
      else if (owner === resource.metadata.uid) agents.push(...pods);
    }
    return agents;
  }

  /**
   * Takes in which DaemonSets there are at present, and which of them end.
   * @param isGone whether the NetExporter is. A DaemonSet that it left without an owner stays, and its agents go on by
   *   themselves
   */
  update(resource: NetExporter, isGone: boolean): void {
    const key = keyOf(resource);
    const { namespace, name, uid } = resource.metadata;
    const present = this.#pods.byIndex('owner', key);
    const daemonSet = this.#daemonSets.get(keyOf({ metadata: { namespace, name: agentNames(name).agent } }));
    const known = this.#known.get(key) ?? new Map<string, TrackedDaemonSet>();
    this.#known.set(key, known);
    if (daemonSet) this.#learn(known, daemonSet, uid, isGone);
    const isKept = isGone || !isPaused(resource);
    for (const [daemonSetUid, state] of known) {
      const stays = daemonSet?.metadata.uid === daemonSetUid && !isBeingDeleted(daemonSet);
      // A DaemonSet missing from the cache may only have lost its label, which the operator would restore; a deleted
      // pod shows which.
      state.isEnding =
        !stays &&
        (state.isEnding ||
          (isKept && present.some(({ controller, deleting }) => deleting && controller === daemonSetUid)));
      if (!present.some(({ controller }) => controller === daemonSetUid)) known.delete(daemonSetUid);
    }
    if (known.size === 0) this.#known.delete(key);
  }

  /**
   * Whether a pod belongs to the DaemonSet of the NetExporter in its label, or to a previous one that is being deleted.
   * Does not depend on `update`, because the pods of a new DaemonSet may call before it.
   */
  isAgent({ owner, controller }: AgentPod): boolean {
    if (controller === undefined) return false;
    if (this.#known.get(owner)?.has(controller)) return true;
    const [namespace = '', name = ''] = owner.split('/');
    const daemonSet = this.#daemonSets.get(keyOf({ metadata: { namespace, name: agentNames(name).agent } }));
    return daemonSet?.metadata.uid === controller && controllerOf(daemonSet)?.name === name;
  }

  #learn(known: Map<string, TrackedDaemonSet>, daemonSet: KubeObject, resourceUid: string, isGone: boolean): void {
    const { uid } = daemonSet.metadata;
    const owner = controllerOf(daemonSet)?.uid;
    const state = known.get(uid);
    if (owner === undefined && isGone) known.delete(uid);
    else if (state && owner !== undefined) state.owner = owner;
    else if (owner === resourceUid) known.set(uid, { owner, isEnding: false });
  }

  #leave(pod: AgentPod): AgentPod {
    if (pod.deleting) return pod;
    const leaving = this.#leaving.get(pod) ?? { ...pod, deleting: true };
    this.#leaving.set(pod, leaving);
    return leaving;
  }
}

/** Whether its pods are to be deleted with it. */
function isBeingDeleted({ metadata: { deletionTimestamp, finalizers = [] } }: KubeObject): boolean {
  return deletionTimestamp !== undefined && !finalizers.includes('orphan');
}
