import type { NodeFacts } from '../plan/node-facts.ts';
import type { AgentPod } from './agent-pod.ts';

/** An agent that does not run because its node is not ready. */
export interface StrandedAgent {
  node: string;
  /** Whether it is of an older pod template. Its node cannot replace it, so it counts against maxUnavailable. */
  isOutdated: boolean;
  /**
   * Whether the DaemonSet wants an agent on its node, and counts it. The kubelet of a dead node never ends the deletion
   * of one that is no longer wanted.
   */
  isDesired: boolean;
}

/** What is known of the DaemonSet. */
export interface DaemonSetPods {
  uid: string;
  /** The number of its current pod template. */
  template: number | undefined;
  /** Nodes with a pod that is not ready and that the DaemonSet does not want. */
  idleMisscheduled: number;
}

/**
 * The agents that are not ready on nodes that are not ready, by node. They are not expected to run until their nodes
 * are ready again or deleted. The DaemonSet says how many pods it does not want, but not which: those under deletion
 * come first, because the DaemonSet controller deletes most of them. Rollouts delete pods, too.
 * @param unreadyNodes all nodes that are not ready
 * @param podsOn all agents' pods on a node
 */
export function strandedAgents(
  { uid, template, idleMisscheduled }: DaemonSetPods,
  unreadyNodes: readonly Pick<NodeFacts, 'name'>[],
  podsOn: (node: string) => readonly AgentPod[],
): StrandedAgent[] {
  const found = unreadyNodes.flatMap(({ name }) => {
    const pods = podsOn(name).filter(({ controller }) => controller === uid);
    // A pod stays Ready for some seconds after its node, and is counted as such.
    if (pods.length === 0 || pods.some(({ ready }) => ready)) return [];
    const isOutdated = template !== undefined && pods.some((pod) => pod.template !== template);
    return [{ node: name, isOutdated, isDeleting: pods.every(({ deleting }) => deleting) }];
  });
  return found
    .sort((a, b) => Number(b.isDeleting) - Number(a.isDeleting) || (a.node < b.node ? -1 : 1))
    .map(({ node, isOutdated }, index) => ({ node, isOutdated, isDesired: index >= idleMisscheduled }))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}
