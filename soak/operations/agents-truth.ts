import { isDeepStrictEqual } from 'node:util';
import type { DaemonSetFacts, NodeFacts, PodFacts } from './facts.ts';
import type { AgentSample, Moment } from './moment.ts';

/** An agent reports when the operator has heard of it in the last so many milliseconds (docs/conditions.md). */
export const reportingMs = 45_000;

/** The operator holds a request for so long; until it is answered, an agent does not know that it was heard. */
const holdMs = 16_000;

/** An agent renders its metrics once a second at most, and is looked at nearly as often. */
const sampleLagMs = 2000;

/** A Service that is made anew changes the settings, which agents get once the operator has noticed. */
const otherServicesMs = 5000;

/** A sample that is older says nothing of whether the agent still syncs. */
const freshMs = 3000;

/** A number of which the observer knows only bounds: what changes between two samples may have changed at any time. */
export interface Bounds {
  least: number;
  most: number;
}

export function isWithin(count: number, { least, most }: Bounds): boolean {
  return count >= least && count <= most;
}

/** Why not every agent runs as specified. */
export type Lack =
  /** The NetExporter has no DaemonSet that says what its spec does. */
  | 'unapplied'
  /** The DaemonSet controller has not seen the newest DaemonSet. */
  | 'unobserved'
  /** A node that should have a pod has none. */
  | 'missing'
  /** A pod on a node that is ready is of an older template. */
  | 'outdated'
  /** An agent on a node that is ready is not ready, or none at all is. */
  | 'notReady';

/** The agents' pods of the present DaemonSet that have not ended. */
export function podsOf({ daemonSet, pods }: Moment): PodFacts[] {
  return pods.filter(({ owner, hasEnded }) => daemonSet !== undefined && owner === daemonSet.uid && !hasEnded);
}

/** Those of them on nodes that are ready: of others the API knows only what their kubelets said last. */
export function reachablePods(moment: Moment): PodFacts[] {
  const names = new Set(readyNodes(moment).map(({ name }) => name));
  return podsOf(moment).filter(({ node }) => names.has(node));
}

export function readyNodes({ nodes }: Moment): NodeFacts[] {
  return nodes.filter(({ isReady }) => isReady);
}

/** Whether the DaemonSet says what the spec does. A paused NetExporter is what it was. */
export function isApplied({ resource, daemonSet }: Moment): boolean {
  if (!resource || !daemonSet || daemonSet.owner !== resource.uid || daemonSet.isDeleting) return false;
  if (resource.isPaused) return true;
  const { image, tolerations, nodeSelector } = resource.agent;
  const { settings } = daemonSet;
  return (
    (image === '' || image === settings.image) &&
    isDeepStrictEqual(tolerations, settings.tolerations) &&
    isDeepStrictEqual({ 'kubernetes.io/os': 'linux', ...nodeSelector }, settings.nodeSelector)
  );
}

/** Why not every agent runs as specified; empty when every agent does. */
export function lacksOf(moment: Moment): Lack[] {
  const { daemonSet } = moment;
  if (!daemonSet || !isApplied(moment)) return ['unapplied'];
  const reachable = reachablePods(moment);
  const hasOutdated = reachable.some((pod) => !pod.isDeleting && isOutdated(moment, pod));
  return [
    ...(daemonSet.observedGeneration < daemonSet.generation ? (['unobserved'] as const) : []),
    ...(daemonSet.current < daemonSet.desired ? (['missing'] as const) : []),
    ...(hasOutdated ? (['outdated'] as const) : []),
    ...(hasUnready(moment) ? (['notReady'] as const) : []),
  ];
}

/**
 * Whether a pod is of another template than the current one. A template that was changed and changed back has a new
 * number and the content of before, so that older pods are current: the DaemonSet controller goes by the content.
 */
export function isOutdated({ daemonSet, pods }: Moment, { template, revision }: PodFacts): boolean {
  if (!daemonSet || template === daemonSet.template) return false;
  const { generation, observedGeneration, current, updated } = daemonSet;
  if (observedGeneration === generation && updated >= current) return false;
  return !pods.some((other) => other.template === daemonSet.template && other.revision === revision);
}

/** Whether an agent on a node that is ready is not ready, or none at all is. */
function hasUnready(moment: Moment): boolean {
  const { daemonSet } = moment;
  const reachable = reachablePods(moment);
  const ready = new Set(reachable.filter(({ isReady }) => isReady).map(({ node }) => node));
  return reachable.some(({ node }) => !ready.has(node)) || ((daemonSet?.desired ?? 0) > 0 && ready.size === 0);
}

/** Whether a node that is ready has the labels that the spec asks for: then agents are wanted somewhere. */
export function isWantedSomewhere(moment: Moment): boolean {
  const { nodeSelector = {} } = moment.resource?.agent ?? {};
  return readyNodes(moment).some(({ labels }) =>
    Object.entries(nodeSelector).every(([label, value]) => labels[label] === value),
  );
}

/** The pods that count as agents for sure, and those that may: one that is being deleted on a node that is gone. */
export function expectedPods(moment: Moment): { sure: PodFacts[]; possible: PodFacts[] } {
  const { daemonSet, pods, nodes } = moment;
  const names = new Set(nodes.map(({ name }) => name));
  const isSure = (pod: PodFacts) => !pod.isDeleting && !daemonSet?.isDeleting && names.has(pod.node);
  return { sure: podsOf(moment).filter(isSure), possible: pods.filter(({ hasEnded }) => !hasEnded) };
}

/** The DaemonSet that the NetExporter owns. */
export function ownDaemonSet({ resource, daemonSet }: Moment): DaemonSetFacts | undefined {
  return resource && daemonSet?.owner === resource.uid ? daemonSet : undefined;
}

/** The generation of the settings that agents should use: of a paused NetExporter, those that they had. */
export function wantedGeneration({ resource }: Moment): number {
  const { generation = 0, isPaused = false, status } = resource ?? {};
  return isPaused ? (status?.agents?.generation ?? generation) : generation;
}

/** How many agents there are. */
export function agentCount(moment: Moment): Bounds {
  const { sure, possible } = expectedPods(moment);
  return { least: sure.length, most: possible.length };
}

/** How many agents the present leader has heard of in the last 45 seconds. */
export function reportingCount(moment: Moment): Bounds {
  return bounds(moment, (pod) => isReporting(moment, pod));
}

/** How many of those use the settings of a generation. */
export function configuredCount(moment: Moment, generation: number): Bounds {
  return bounds(moment, (pod) => isConfigured(moment, pod, generation));
}

/** Whether something is so for sure, and whether it may be. */
export interface Certainty {
  surely: boolean;
  maybe: boolean;
}

/**
 * Whether the present leader has heard of an agent in the last 45 seconds. A new leader answers every agent at once,
 * since its targets are of a new epoch: an agent that it has not answered within the time of a hold has not called it.
 */
export function isReporting(moment: Moment, pod: PodFacts): Certainty {
  const { at, leader, agents } = moment;
  const sample = agents.get(pod.uid);
  if (!sample || !leader) return { surely: false, maybe: leader !== undefined && sample === undefined };
  const isFresh = at - sample.at < freshMs;
  const age = sample.syncAge + at - sample.at;
  const isOfLeader = at - age >= leader.since;
  const surely = isFresh && sample.answers > 0 && isOfLeader && age < reportingMs;
  const mayHaveCalled = isOfLeader || at - leader.since < holdMs + sampleLagMs;
  const samples = samplesAfter(sample, at);
  const answersLater = samples.some(({ at: later, syncAge }) => later - syncAge >= leader.since);
  return { surely, maybe: answersLater || (mayHaveCalled && age < reportingMs + holdMs) };
}

/**
 * Whether an agent that reports uses the settings of a generation. Which targets it should have the observer does not
 * know: one that gets others soon may have lacked them, and so may all when their Services are other ones.
 */
export function isConfigured(moment: Moment, pod: PodFacts, generation: number): Certainty {
  const { surely, maybe } = isReporting(moment, pod);
  const sample = moment.agents.get(pod.uid);
  if (!sample) return { surely: false, maybe };
  const samples = [sample, ...samplesAfter(sample, moment.at)];
  const keepsTargets = samples.every(({ revision }) => revision === sample.revision);
  const isOfServices = moment.at - moment.servicesSince >= otherServicesMs;
  return {
    surely: surely && keepsTargets && isOfServices && samples.every((each) => each.generation === generation),
    maybe: maybe && samples.some((each) => each.generation === generation),
  };
}

function bounds(moment: Moment, certainty: (pod: PodFacts) => Certainty): Bounds {
  const { sure, possible } = expectedPods(moment);
  return {
    least: sure.filter((pod) => certainty(pod).surely).length,
    most: possible.filter((pod) => certainty(pod).maybe).length,
  };
}

/** What an agent said soon after: it may have been so already. */
function samplesAfter(sample: AgentSample, at: number): AgentSample[] {
  const after: AgentSample[] = [];
  for (let { next } = sample; next && next.at <= at + sampleLagMs; next = next.next) after.push(next);
  return after;
}
