import type { NodeFacts } from '../plan/node-facts.ts';
import type { AgentPod } from './agent-pod.ts';

/** An agent that does not run because its node is not ready. */
export interface StrandedAgent {
  node: string;
  /** Whether it is of an older pod template. Its node cannot replace it, so it counts against maxUnavailable. */
  isOutdated: boolean;
}

/**
 * The agents that are not ready on nodes that are not ready, by node. They are not expected to run until their nodes
 * are ready again or deleted.
 * @param unreadyNodes all nodes that are not ready
 * @param podsOn all agents' pods on a node
 */
export function strandedAgents(
  { uid, template }: { uid: string; template: number | undefined },
  unreadyNodes: readonly Pick<NodeFacts, 'name'>[],
  podsOn: (node: string) => readonly AgentPod[],
): StrandedAgent[] {
  return unreadyNodes
    .flatMap(({ name }) => {
      const pods = podsOn(name).filter(({ controller }) => controller === uid);
      // A pod stays Ready for some seconds after its node, and is counted as such.
      if (pods.length === 0 || pods.some(({ ready }) => ready)) return [];
      return [{ node: name, isOutdated: template !== undefined && pods.some((pod) => pod.template !== template) }];
    })
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}
