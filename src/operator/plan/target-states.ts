import type { NodeFacts } from './node-facts.ts';

/** What a state means for an agent, or for a DNS pod, and for those that probe it. */
export interface StateMeaning {
  /** An agent gets an assignment and probes others. */
  assigned: boolean;
  /** Others probe it, so that it can make errors. */
  probed: boolean;
  /** What it reports of others counts. */
  counted: boolean;
  /** It may be named a suspect. */
  judged: boolean;
}

/**
 * All states of a target, and what each means. What was announced makes no error: it is probed no more before it ends.
 * What ends without notice goes on being probed, and its errors count, until its Pod or Node goes.
 */
export const targetStates = {
  /** It has not been ready yet, or not as far as is known. */
  starting: { assigned: true, probed: false, counted: false, judged: false },
  /** It is ready. */
  serving: { assigned: true, probed: true, counted: true, judged: true },
  /** Without notice it is ready no more, though its node is well: it crashed, hangs or restarts. */
  failing: { assigned: true, probed: true, counted: true, judged: true },
  /** Without notice its node is ready no more: cut off, crashed, or booting anew. */
  'cut-off': { assigned: true, probed: true, counted: true, judged: true },
  /**
   * Its node is cordoned, shutting down, or about to be taken away, or was and the target is not ready again yet. What
   * it finds until then is as good as ever.
   */
  draining: { assigned: true, probed: false, counted: true, judged: false },
  /** It is being deleted, or its node is no more: a rollout, a scale-down. Its network may end before it does. */
  leaving: { assigned: true, probed: false, counted: false, judged: false },
  /** It has ended and will not run again: evicted, or shut down with its node. */
  ended: { assigned: false, probed: false, counted: false, judged: false },
} as const satisfies Record<string, StateMeaning>;

export type TargetState = keyof typeof targetStates;

/** Of an agent's pod, what its state depends on. */
export interface PodFacts {
  ready: boolean;
  /** Whether it is ready or has been. */
  wasReady: boolean;
  deleting: boolean;
  /** Whether its containers have ended for good. */
  ended: boolean;
}

/** Of an agent's pod, what a plan is made of. */
export interface PlannedPod extends PodFacts {
  uid: string;
  /** Empty while it is on none. */
  node: string;
  /** Of each address family one at most, the primary one first; none until the pod has a network. */
  addresses: string[];
  /** Where it listens; undefined where it has no port of the agents' name. */
  port: number | undefined;
}

/**
 * The state of an agent.
 * @param node undefined where there is no such Node
 * @param before its state until now. While a node is not ready, what was known when it ceased to be holds: a cut that
 *   was no one's intention stays one when someone cordons the node or deletes the pod afterwards, and a shutdown that
 *   was announced stays announced. What was announced ends when the pod is ready again, which is later than when the
 *   node is: only then it can be missed again. Without it, as for a new leader, what can have been announced is taken
 *   to be.
 */
export function agentState(pod: PodFacts, node: NodeFacts | undefined, before: TargetState | undefined): TargetState {
  if (pod.ended) return 'ended';
  if (!node) return 'leaving';
  if (!node.ready && (before === 'cut-off' || before === 'draining')) return before;
  if (pod.deleting) return 'leaving';
  if (node.notice) return 'draining';
  if (!node.ready) return pod.wasReady ? 'cut-off' : 'starting';
  if (pod.ready) return 'serving';
  if (!pod.wasReady) return 'starting';
  return before === 'draining' ? before : 'failing';
}

/** Of an endpoint of the DNS Service, what its state depends on. */
export interface EndpointFacts {
  ready: boolean;
  terminating: boolean;
}

/**
 * The state of a DNS pod. A cordon alone changes nothing: unlike agents, most DNS pods are moved from a node before it
 * stands still. One of a DaemonSet is not, and of a node that is about to go it would be asked to the end.
 * @param node undefined where it is on none, or there is no such Node
 * @param before its state until now: an endpoint does not tell whether it has been ready, so that one that a new leader
 *   finds not ready is taken to be starting
 */
export function dnsPodState(
  endpoint: EndpointFacts,
  node: NodeFacts | undefined,
  before: TargetState | undefined,
): TargetState {
  if (endpoint.terminating) return 'leaving';
  if (endpoint.ready) return node?.notice && node.notice !== 'cordon' ? 'draining' : 'serving';
  if (node?.notice && before !== 'cut-off' && before !== 'failing') return 'draining';
  if (before === undefined || before === 'draining' || !targetStates[before].probed) return before ?? 'starting';
  return node && !node.ready ? 'cut-off' : 'failing';
}
