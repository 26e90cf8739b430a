import {
  agentCount,
  expectedPods,
  isConfigured,
  isOutdated,
  isWantedSomewhere,
  lacksOf,
  podsOf,
  reachablePods,
  wantedGeneration,
} from './agents-truth.ts';
import type { Condition, PodFacts, ResourceFacts } from './facts.ts';
import type { Moment } from './moment.ts';

/** What a reason of a condition says, and whether it is so. */
interface Meaning {
  /** The conditions that may have it, with the status that they then have. */
  of: readonly `${string} ${'True' | 'False' | 'Unknown'}`[];
  /** What is so when it is true. */
  means: string;
  isTrue: (moment: Moment, said: readonly Condition[]) => boolean;
}

/** How long a condition shows crashes after the last one (docs/errors.md). */
const crashMemoryMs = 600_000;
/** For how long a leader, or a NetExporter, may be too new for the operator to know of all agents. */
const warmingMs = 50_000;

const pullReasons = ['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName', 'ImageInspectError'];
const startReasons = ['CreateContainerConfigError', 'CreateContainerError', 'RunContainerError'];
const failedStarts = ['StartError', 'ContainerCannotRun'];

export const cannotPull = ({ waiting }: PodFacts) => pullReasons.includes(waiting);
export const cannotStart = ({ waiting, lastEnd, isReady }: PodFacts) =>
  startReasons.includes(waiting) || (!isReady && failedStarts.includes(lastEnd?.reason ?? ''));
export const crashes = ({ waiting, lastEnd }: PodFacts, wall: number) =>
  waiting === 'CrashLoopBackOff' || (lastEnd !== undefined && lastEnd.times >= 2 && wall - lastEnd.at < crashMemoryMs);
const exceedsMemory = ({ lastEnd }: PodFacts, wall: number) =>
  lastEnd?.reason === 'OOMKilled' && wall - lastEnd.at < crashMemoryMs;
export const isUnschedulable = (pod: PodFacts) => pod.isUnschedulable;

/** The names of the children that a NetExporter of that name has, by what its spec asks for. */
export function childrenOf(name: string, { isServiceDialled, isPolicyWanted }: ResourceFacts): string[] {
  return [
    ...[`ServiceAccount ${name}-agent`, `ConfigMap ${name}-agent`, `DaemonSet ${name}-agent`],
    `Service ${name}-agent-peers`,
    ...(isServiceDialled ? [`Service ${name}-agent`] : []),
    ...(isPolicyWanted ? [`NetworkPolicy ${name}-agent`] : []),
  ];
}

const some = (moment: Moment, test: (pod: PodFacts, wall: number) => boolean) =>
  podsOf(moment).some((pod) => test(pod, moment.wall));
const stalled = ['Stalled True', 'Ready False'] as const;
const reconciling = ['Reconciling True', 'Ready False'] as const;
const isFinished = (moment: Moment) => lacksOf(moment).length === 0 || !isWantedSomewhere(moment);

/** Whether every agent reports and has the newest settings; a paused one's are those that it had. */
function allConfigured(moment: Moment): boolean {
  const generation = wantedGeneration(moment);
  return expectedPods(moment).sure.every((pod) => isConfigured(moment, pod, generation).maybe);
}

function lacksSettings(moment: Moment): boolean {
  const generation = wantedGeneration(moment);
  return expectedPods(moment).possible.some((pod) => !isConfigured(moment, pod, generation).surely);
}

/**
 * What each reason of a condition means (docs/errors.md), in terms of what the observer knows.
 * Those that no operation of this soak can cause are never true.
 */
export const reasons: Readonly<Record<string, Meaning>> = {
  AgentsReady: {
    of: ['Ready True'],
    means: 'every agent on a node that is ready is ready and runs the newest pod template; at least one is',
    isTrue: (moment) => lacksOf(moment).length === 0 && (moment.daemonSet?.desired ?? 0) > 0,
  },
  NoNodes: {
    of: ['Ready True'],
    means: 'no node that is ready has the labels in spec.agent.nodeSelector',
    isTrue: (moment) => !isWantedSomewhere(moment),
  },
  ObjectNotOurs: {
    of: stalled,
    means: 'an object with the name of a child has another controller or none',
    isTrue: ({ resource, children }) => children.some(({ owner }) => owner !== resource?.uid),
  },
  FieldConflict: {
    of: stalled,
    means: 'someone has overwritten the same child several times in the last five minutes',
    isTrue: ({ overwrites }) => overwrites >= 3,
  },
  PodsRefused: {
    of: stalled,
    means: 'a node that should have a pod has none',
    isTrue: (moment) => lacksOf(moment).includes('missing'),
  },
  AgentImagePullFailed: {
    of: stalled,
    means: 'the kubelet says of a pod that it cannot pull the image',
    isTrue: (moment) => some(moment, cannotPull),
  },
  AgentStartFailed: {
    of: stalled,
    means: 'the kubelet says of a pod that it cannot start the container',
    isTrue: (moment) => some(moment, cannotStart),
  },
  AgentOOMKilled: {
    of: stalled,
    means: 'a container was killed for its memory in the last ten minutes',
    isTrue: (moment) => some(moment, exceedsMemory),
  },
  AgentCrashLooping: {
    of: stalled,
    means: 'a container has ended twice, the last time less than ten minutes ago',
    isTrue: (moment) => some(moment, crashes),
  },
  ProgressDeadlineExceeded: {
    of: stalled,
    means: 'not every agent runs as specified',
    isTrue: (moment) => lacksOf(moment).length > 0,
  },
  NoObstacle: {
    of: ['Stalled False'],
    means: 'no pod on a node that is ready has a fault that needs someone: its image, its start or crashes',
    isTrue: (moment) =>
      !reachablePods(moment).some(
        (pod) => !pod.isDeleting && (cannotPull(pod) || cannotStart(pod) || pod.waiting === 'CrashLoopBackOff'),
      ),
  },
  WaitingForDeletion: {
    of: reconciling,
    means: 'a child is being deleted or is of a former NetExporter, or the namespace is being deleted',
    isTrue: ({ resource, children, isNamespaceEnding }) =>
      isNamespaceEnding || children.some(({ isDeleting, owner }) => isDeleting || owner !== resource?.uid),
  },
  WaitingForFinalizers: {
    of: reconciling,
    means: 'the NetExporter is being deleted',
    isTrue: ({ resource }) => resource?.isDeleting === true,
  },
  ApplyFailed: {
    of: reconciling,
    means: 'a child cannot be written, which only the end of the namespace causes here',
    isTrue: ({ isNamespaceEnding }) => isNamespaceEnding,
  },
  DaemonSetPending: {
    of: reconciling,
    means: 'there is no DaemonSet, or its controller has not seen the newest one',
    isTrue: (moment) => lacksOf(moment).some((lack) => lack === 'unapplied' || lack === 'unobserved'),
  },
  PodsMissing: {
    of: reconciling,
    means: 'a node that should have a pod has none',
    isTrue: (moment) => lacksOf(moment).includes('missing'),
  },
  AgentUnschedulable: {
    of: reconciling,
    means: 'the scheduler says of a pod that no node takes it',
    isTrue: (moment) => some(moment, isUnschedulable),
  },
  RollingOut: {
    of: reconciling,
    means: 'a pod is of an older template',
    isTrue: (moment) => podsOf(moment).some((pod) => isOutdated(moment, pod)),
  },
  AgentsNotReady: {
    of: reconciling,
    means: 'an agent on a node that is ready is not ready, or none at all is',
    isTrue: (moment) => lacksOf(moment).includes('notReady'),
  },
  Settled: {
    of: ['Reconciling False'],
    means: 'every agent runs as specified, or no node should run one',
    isTrue: isFinished,
  },
  Stalled: {
    of: ['Reconciling False'],
    means: 'the condition Stalled is True',
    isTrue: (_, said) => said.some(({ type, status }) => type === 'Stalled' && status === 'True'),
  },
  Paused: {
    of: ['Reconciling False', 'Ready False', 'ConfigPropagated Unknown'],
    means: 'the annotation net-exporter.dev/paused is "true"',
    isTrue: ({ resource }) => resource?.isPaused === true,
  },
  AgentsConfigured: {
    of: ['ConfigPropagated True'],
    means: 'every agent has called the operator in the last 45 seconds and uses the settings of the newest generation',
    isTrue: allConfigured,
  },
  NoAgents: {
    of: ['ConfigPropagated True'],
    means: 'there is no agent',
    isTrue: (moment) => agentCount(moment).least === 0,
  },
  AgentsWaiting: {
    of: ['ConfigPropagated False'],
    means: 'an agent does not use the settings of the newest generation, or has not called in the last 45 seconds',
    isTrue: lacksSettings,
  },
  AgentsOutOfSync: {
    of: ['ConfigPropagated False'],
    means: 'an agent does not use the settings of the newest generation, or has not called in the last 45 seconds',
    isTrue: lacksSettings,
  },
  Warming: {
    of: ['ConfigPropagated Unknown'],
    means: 'the leader or the NetExporter is new: less than 45 seconds old',
    isTrue: ({ at, leader, resourceSince }) => at - Math.max(leader?.since ?? at, resourceSince) < warmingMs,
  },
  NotApplied: {
    of: ['ConfigPropagated Unknown'],
    means: 'the DaemonSet does not say what the spec does',
    isTrue: (moment) => lacksOf(moment).includes('unapplied'),
  },
  SyncUnavailable: {
    of: ['ConfigPropagated False'],
    means: 'the Service that agents call does not exist',
    isTrue: ({ hasSyncService }) => !hasSyncService,
  },
};

/** Whether a condition says what is so, by its reason. A reason that is not known here is never true. */
export function isSo({ type, status, reason }: Condition, moment: Moment, said: readonly Condition[]): boolean {
  const meaning = reasons[reason];
  if (!meaning) return false;
  return meaning.of.some((each) => each === `${type} ${status}`) && meaning.isTrue(moment, said);
}
