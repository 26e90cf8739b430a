import type { ConditionReason } from '../../contract/reasons.ts';
import type { Condition, NetExporterStatus } from '../../crd/net-exporter.ts';
import { type AgentFault, faultReasons } from '../agents/agent-pod.ts';
import type { PropagationFinding } from '../agents/propagation.ts';
import { propagationStatus } from './propagation-status.ts';
import { listOf, sentences, shortened } from './wording.ts';

/** Maximum length of a condition's message. The API server accepts 32,768 characters, but people read conditions. */
const maxMessageLength = 1000;

/** Reasons for Stalled that obstacles cause, the most important first. */
const stallReasons = [
  'ObjectNotOurs',
  'InvalidSpec',
  'ApplyRejected',
  'FieldConflict',
  'ReconcileFailed',
] as const satisfies ConditionReason[];

/** An object that differs from its declaration, where an immediate retry does not help. */
export interface Obstacle {
  /**
   * ObjectNotOurs: an object of someone else has the name. InvalidSpec: the spec has an invalid value, which an older
   * CRD accepted. ApplyRejected: the API server rejects the declaration. FieldConflict: another field manager keeps
   * overwriting it. ReconcileFailed: a fault of the operator. WriteTimedOut: the API server did not complete the write
   * in time. ApplyFailed: another failure that a retry may end.
   */
  reason: (typeof stallReasons)[number] | 'WriteTimedOut' | 'ApplyFailed';
  /** Full sentences: kind and name of the object, what is wrong, what to do. */
  message: string;
}

/** What a reconciliation found. */
export interface Findings {
  /** The generation of the spec that was applied. */
  generation: number;
  obstacles: Obstacle[];
  /** A full sentence for each object that must be deleted first. */
  waitingFor: string[];
  /** A full sentence for each thing that people should know although the agents are as declared. */
  notices?: readonly string[];
  /** Undefined if the NetExporter owns no DaemonSet. */
  daemonSet: DaemonSetProgress | undefined;
  faults: (AgentFault & { node: string })[];
  /** Undefined if this operator does not sync with agents. */
  propagation: PropagationFinding | undefined;
  /** A full sentence for each limit that the spec exceeds, and to which the operator cut what agents probe. */
  exceeded: readonly string[];
}

/** The progress of the DaemonSet controller. */
export interface DaemonSetProgress {
  generation: number;
  observedGeneration: number;
  desired: number;
  /** Pods that exist. */
  created: number;
  /** Pods of the current template. */
  updated: number;
  ready: number;
}

interface ReasonAndMessage {
  reason: ConditionReason;
  message: string;
}

/**
 * Computes the status. Conditions follow kstatus: Stalled means that someone has to act, Reconciling that the operator
 * or Kubernetes makes progress, Ready that neither is true and every agent is ready. Without a matching node, it is
 * Ready with 0/0.
 * @param previous keeps its transition times where the status of a condition is the same
 * @param now milliseconds since the epoch
 */
export function statusOf(findings: Findings, previous: NetExporterStatus | undefined, now: number): NetExporterStatus {
  const { daemonSet, generation, exceeded, propagation } = findings;
  const notices = [...(findings.notices ?? []), ...limitsIn(propagation, exceeded)];
  const desired = daemonSet?.desired ?? 0;
  const ready = daemonSet?.ready ?? 0;
  const stalled = stalledBy(findings);
  const reconciling = stalled ? undefined : reconcilingBy(findings);
  return statusWith(generation, findings, previous, now, {
    Ready: [!stalled && !reconciling, stalled ?? reconciling ?? healthyWith(desired, ready, notices)],
    Reconciling: [reconciling !== undefined, reconciling ?? (stalled ? isStalled : isSettled)],
    Stalled: [stalled !== undefined, stalled ?? isFree],
  });
}

/**
 * Computes the status while reconciling is paused: current counts of agents, unchanged generation. So kstatus considers
 * a resource in progress if its spec was edited meanwhile, and otherwise what it was before.
 */
export function pausedStatusOf(
  findings: Findings,
  previous: NetExporterStatus | undefined,
  now: number,
): NetExporterStatus {
  const { daemonSet, propagation, exceeded } = findings;
  const { desired = 0, ready = 0 } = daemonSet ?? {};
  const seen = { ...findings, obstacles: [], waitingFor: [] };
  const stalled = stalledBy(seen);
  const short: ReasonAndMessage | undefined = daemonSet
    ? reconcilingBy(seen)
    : { reason: 'Paused', message: `There are no agents. ${isPaused.message}` };
  return statusWith(previous?.observedGeneration ?? 0, findings, previous, now, {
    Ready: [!stalled && !short, stalled ?? short ?? healthyWith(desired, ready, limitsIn(propagation, exceeded))],
    Reconciling: [false, isPaused],
    Stalled: [stalled !== undefined, stalled ?? isFree],
  });
}

/**
 * Computes the status of a NetExporter whose deletion waits for finalizers: current counts of agents, which run until
 * then.
 */
export function heldStatusOf(
  finalizers: readonly string[],
  findings: Findings,
  previous: NetExporterStatus | undefined,
  now: number,
): NetExporterStatus {
  const [subject, object] = finalizers.length === 1 ? ['finalizer', 'it'] : ['finalizers', 'them'];
  const waits = `Deletion waits for the ${subject} ${listOf(finalizers)}, until the controller that added ${object} removes ${object}.`;
  const consequence = 'Agents run until then, and the operator changes nothing.';
  const isHeld: ReasonAndMessage = { reason: 'WaitingForFinalizers', message: `${waits} ${consequence}` };
  return statusWith(findings.generation, findings, previous, now, {
    Ready: [false, isHeld],
    Reconciling: [true, isHeld],
    Stalled: [false, isFree],
  });
}

/** Whether the agents have the current settings and targets. Only if the operator syncs with agents. */
const propagated = 'ConfigPropagated';

function statusWith(
  generation: number,
  { daemonSet, propagation, exceeded }: Findings,
  previous: NetExporterStatus | undefined,
  now: number,
  conditions: Record<string, [holds: boolean, verdict: ReasonAndMessage]>,
): NetExporterStatus {
  const { desired = 0, ready = 0 } = daemonSet ?? {};
  const sync = propagationStatus(propagation, previous, exceeded);
  const kept = sync && !sync.verdict && previous?.conditions?.find(({ type }) => type === propagated);
  const verdicts = Object.entries(sync?.verdict ? { ...conditions, [propagated]: sync.verdict } : conditions);
  return {
    observedGeneration: generation,
    agents: { desired, ready, ...sync?.figures, summary: `${ready}/${desired}` },
    conditions: [
      ...verdicts.map(([type, [holds, verdict]]): Condition => {
        const status = holds ? 'True' : 'False';
        const before = previous?.conditions?.find((other) => other.type === type);
        const since = before?.status === status ? before.lastTransitionTime : timestamp(now);
        const message = shortened(verdict.message, maxMessageLength);
        const { reason } = verdict;
        return { type, status, observedGeneration: generation, lastTransitionTime: since, reason, message };
      }),
      ...(kept ? [kept] : []),
    ],
  };
}

/** What Ready says of limits that the spec exceeds: without sync there is no other condition for them. */
function limitsIn(propagation: Findings['propagation'], exceeded: readonly string[]): readonly string[] {
  return propagation === undefined ? exceeded : [];
}

function healthyWith(desired: number, ready: number, notices: readonly string[] = []): ReasonAndMessage {
  const [reason, fact]: [ConditionReason, string] =
    desired === 0
      ? ['NoNodes', 'No node matches spec.agent.nodeSelector, affinity and tolerations.']
      : ['AgentsReady', `${ready} of ${desired} agents are ready.`];
  return { reason, message: [fact, ...notices].join(' ') };
}

const isPaused: ReasonAndMessage = {
  reason: 'Paused',
  message: 'The operator changes nothing while the annotation net-exporter.dev/paused is "true". Remove it to resume.',
};
const isStalled: ReasonAndMessage = { reason: 'Stalled', message: 'Blocked; see the Stalled condition.' };
const isSettled: ReasonAndMessage = { reason: 'Settled', message: 'Everything matches the spec.' };
const isFree: ReasonAndMessage = { reason: 'NoObstacle', message: 'No obstacles.' };

function stalledBy({ obstacles, faults }: Findings): ReasonAndMessage | undefined {
  for (const reason of stallReasons) {
    const messages = obstacles.filter((obstacle) => obstacle.reason === reason).map(({ message }) => message);
    if (messages.length > 0) return { reason, message: sentences(messages) };
  }
  return faultVerdict(faults.filter(({ reason }) => reason !== 'AgentUnschedulable'));
}

/** For each kind of fault, what is wrong with the agents that have it, and what to do. */
const faultWords: Record<AgentFault['reason'], { trouble: string; remedy: string }> = {
  AgentImagePullFailed: {
    trouble: 'cannot pull the image',
    remedy: 'Check spec.agent.image, spec.agent.imagePullSecrets and the registry.',
  },
  AgentStartFailed: { trouble: 'cannot start', remedy: 'Check spec.agent.image and the Events of the pods.' },
  AgentCrashLooping: {
    trouble: 'crash repeatedly',
    remedy: 'Check the logs of the pods, spec.agent.image and spec.agent.resources.',
  },
  AgentUnschedulable: {
    trouble: 'cannot be scheduled',
    remedy: 'Free resources on these nodes, or change spec.agent.resources or spec.agent.priorityClassName.',
  },
};

/** The worst kind of fault, and the nodes that have it. */
function faultVerdict(faults: Findings['faults']): ReasonAndMessage | undefined {
  const reason = faultReasons.find((candidate) => faults.some((fault) => fault.reason === candidate));
  if (reason === undefined) return undefined;
  const agents = faults.filter((fault) => fault.reason === reason).map(({ node, message }) => atNode(node, message));
  const { trouble, remedy } = faultWords[reason];
  const subject = agents.length === 1 ? '1 agent' : `${agents.length} agents`;
  return { reason, message: `${subject} ${trouble}: ${listOf(agents.sort())}. ${remedy}` };
}

function reconcilingBy({ obstacles, waitingFor, daemonSet, faults }: Findings): ReasonAndMessage | undefined {
  if (obstacles.length > 0) {
    const reason = obstacles.some((obstacle) => obstacle.reason === 'WriteTimedOut') ? 'WriteTimedOut' : 'ApplyFailed';
    return { reason, message: sentences(obstacles.map(({ message }) => message)) };
  }
  if (waitingFor.length > 0) {
    const remedy = 'If this persists, check the finalizers of the object.';
    return { reason: 'WaitingForDeletion', message: `${sentences(waitingFor)} ${remedy}` };
  }
  if (!daemonSet || daemonSet.observedGeneration < daemonSet.generation)
    return {
      reason: 'DaemonSetPending',
      message: 'Waiting for the DaemonSet controller to observe the new generation.',
    };
  const { desired, created, updated, ready } = daemonSet;
  if (created < desired) {
    const remedy = 'If this persists, check the Events of the DaemonSet.';
    return { reason: 'PodsMissing', message: `${desired - created} of ${desired} agents have no pod. ${remedy}` };
  }
  const unschedulable = faultVerdict(faults);
  if (unschedulable) return unschedulable;
  if (updated < desired)
    return { reason: 'RollingOut', message: `${updated} of ${desired} agents run the current pod template.` };
  if (ready < desired) {
    const remedy = 'If this persists, check the logs and Events of the pods that are not ready.';
    return { reason: 'AgentsNotReady', message: `${ready} of ${desired} agents are ready. ${remedy}` };
  }
  return undefined;
}

function atNode(node: string, message: string): string {
  return node === '' ? message : `${node} (${message})`;
}

/** As metav1.Time writes it: whole seconds. */
function timestamp(now: number): string {
  return new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Reads a DaemonSet's progress. */
export function progressOf(daemonSet: { metadata: { generation?: number }; status?: unknown }): DaemonSetProgress {
  const status = (daemonSet.status ?? {}) as Record<string, number | undefined>;
  return {
    generation: daemonSet.metadata.generation ?? 0,
    observedGeneration: status.observedGeneration ?? 0,
    desired: status.desiredNumberScheduled ?? 0,
    created: status.currentNumberScheduled ?? 0,
    updated: status.updatedNumberScheduled ?? 0,
    ready: status.numberReady ?? 0,
  };
}
