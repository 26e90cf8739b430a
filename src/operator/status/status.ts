import { shortened } from '../../base/bounded-text.ts';
import type { ConditionReason } from '../../contract/reasons.ts';
import type { Condition, NetExporterStatus } from '../../crd/net-exporter.ts';
import { type AgentFault, faultReasons } from '../agents/agent-pod.ts';
import type { PropagationFinding } from '../agents/propagation.ts';
import type { StrandedAgent } from '../agents/stranded-agents.ts';
import type { JudgedFleet } from '../judge/judged-fleet.ts';
import { healthStatus } from './health-status.ts';
import { refusalMessage } from './pod-refusal.ts';
import { propagated, propagationStatus } from './propagation-status.ts';
import { type DaemonSetProgress, remainingOf } from './rollout.ts';
import { listOf, sentences, timestamp } from './wording.ts';

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
  /** Kind and name of each object that it is about; absent if it is about none. */
  objects?: readonly string[];
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
  faults: (Omit<AgentFault, 'crashedAt'> & { node: string })[];
  /** Agents that do not run because their nodes are not ready, by node. */
  stranded: readonly StrandedAgent[];
  /** `POD on NODE`, sorted, for each agent that is not ready although its node is. */
  unready: readonly string[];
  /** Why the API server has refused the pods that have been missing for a while; undefined if that is not known. */
  refusal: string | undefined;
  /** Whether the DaemonSet's rollout has made no progress for 10 minutes. */
  isOverdue: boolean;
  /** Undefined if this operator does not sync with agents. */
  propagation: PropagationFinding | undefined;
  /** A full sentence for each limit that the spec exceeds, and to which the operator cut what agents probe. */
  exceeded: readonly string[];
  /** Undefined until the first judgement of this operator. */
  judged: JudgedFleet | undefined;
}

interface ReasonAndMessage {
  reason: ConditionReason;
  message: string;
}

type Verdict = [holds: boolean | 'Unknown', why: ReasonAndMessage];

/**
 * Computes the status. Conditions follow kstatus: Stalled means that someone has to act, Reconciling that the operator
 * or Kubernetes makes progress, Ready that neither is true and every agent is ready. Without a matching node, it is
 * Ready with 0/0.
 * @param previous keeps its transition times where the status of a condition is the same
 * @param now milliseconds since the epoch
 */
export function statusOf(findings: Findings, previous: NetExporterStatus | undefined, now: number): NetExporterStatus {
  const { generation, exceeded, propagation } = findings;
  const notices = [...(findings.notices ?? []), ...limitsIn(propagation, exceeded)];
  const { stalled, reconciling } = verdictsOf(findings);
  return statusWith(generation, findings, previous, now, {
    Ready: [!stalled && !reconciling, stalled ?? reconciling ?? healthyWith(findings, notices)],
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
  const { propagation, exceeded } = findings;
  const { stalled, reconciling } = verdictsOf({ ...findings, obstacles: [], waitingFor: [] });
  const short: ReasonAndMessage | undefined = findings.daemonSet
    ? reconciling
    : { reason: 'Paused', message: `There are no agents. ${isPaused.message}` };
  return statusWith(previous?.observedGeneration ?? 0, findings, previous, now, {
    Ready: [!stalled && !short, stalled ?? short ?? healthyWith(findings, limitsIn(propagation, exceeded))],
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
  const consequence =
    'Agents run until then, and the operator changes nothing. If this persists, check that controller.';
  const isHeld: ReasonAndMessage = { reason: 'WaitingForFinalizers', message: `${waits} ${consequence}` };
  return statusWith(findings.generation, findings, previous, now, {
    Ready: [false, isHeld],
    Reconciling: [true, isHeld],
    Stalled: [false, isFree],
  });
}

function statusWith(
  generation: number,
  { daemonSet, propagation, exceeded, judged }: Findings,
  previous: NetExporterStatus | undefined,
  now: number,
  conditions: Record<string, Verdict>,
): NetExporterStatus {
  const { desired = 0, ready = 0 } = daemonSet ?? {};
  const whilePaused = conditions.Reconciling?.[1] === isPaused;
  const sync = propagationStatus(propagation, previous, generation, exceeded, whilePaused);
  const kept = sync.verdict ? undefined : previous?.conditions?.find(({ type }) => type === propagated);
  const health = healthStatus(
    {
      judged,
      isSynced: propagation !== undefined,
      isPaused: whilePaused,
      isWithoutNodes: daemonSet?.desired === 0,
    },
    previous,
  );
  const conditionOf = ([type, [holds, verdict]]: [string, Verdict], about = generation): Condition => {
    const status = typeof holds === 'string' ? holds : holds ? 'True' : 'False';
    const before = previous?.conditions?.find((other) => other.type === type);
    const since = before?.status === status ? before.lastTransitionTime : timestamp(now);
    const message = shortened(verdict.message, maxMessageLength);
    const { reason } = verdict;
    return { type, status, observedGeneration: about, lastTransitionTime: since, reason, message };
  };
  return {
    observedGeneration: generation,
    agents: { desired, ready, ...sync.figures, summary: `${ready}/${desired}` },
    ...health.fields,
    conditions: [
      ...Object.entries(conditions).map((entry) => conditionOf(entry)),
      ...(sync.verdict ? [conditionOf([propagated, sync.verdict])] : []),
      ...(kept ? [kept] : []),
      ...Object.entries(health.conditions).map((entry) => conditionOf(entry, health.generation)),
    ],
  };
}

/** What Ready says of limits that the spec exceeds: without sync there is no other condition for them. */
function limitsIn(propagation: Findings['propagation'], exceeded: readonly string[]): readonly string[] {
  return propagation === undefined ? exceeded : [];
}

/** At most one of them. A rollout that makes no progress is stalled by what it waits for. */
function verdictsOf(findings: Findings): { stalled?: ReasonAndMessage; reconciling?: ReasonAndMessage } {
  const stalled = stalledBy(findings);
  if (stalled) return { stalled };
  const passing = applyingBy(findings);
  if (passing) return { reconciling: passing };
  const rollout = rolloutBy(findings);
  if (!rollout) return {};
  if (!findings.isOverdue) return { reconciling: rollout };
  return { stalled: { reason: 'ProgressDeadlineExceeded', message: `No progress for 10 minutes. ${rollout.message}` } };
}

function healthyWith(findings: Findings, notices: readonly string[] = []): ReasonAndMessage {
  const { daemonSet } = findings;
  if (!daemonSet || daemonSet.desired === 0) {
    const message = 'No node matches spec.agent.nodeSelector, affinity and tolerations.';
    const remedy = 'If agents are expected, correct these fields, or the labels and taints of the nodes.';
    return { reason: 'NoNodes', message: [message, remedy, ...notices].join(' ') };
  }
  return { reason: 'AgentsReady', message: [readyAgents(daemonSet, findings.stranded), ...notices].join(' ') };
}

/** How many agents are ready, and apart from these how many cannot be because of their nodes. */
function readyAgents({ desired, ready }: DaemonSetProgress, stranded: readonly StrandedAgent[]): string {
  // The DaemonSet's counts are not of the same moment.
  const lost = stranded.filter(({ isDesired }) => isDesired).slice(0, Math.max(0, desired - ready));
  const remedy = lost.length === 1 ? 'Repair or delete that node.' : 'Repair or delete these nodes.';
  const apart = lost.length === 0 ? '.' : `; ${onUnreadyNodes(lost)}. ${remedy}`;
  return `${ready} of ${desired} agents are ready${apart}`;
}

function onUnreadyNodes(stranded: readonly StrandedAgent[]): string {
  const nodes = listOf(stranded.map(({ node }) => node));
  return stranded.length === 1
    ? `1 is on a node that is not ready: ${nodes}`
    : `${stranded.length} are on nodes that are not ready: ${nodes}`;
}

const isPaused: ReasonAndMessage = {
  reason: 'Paused',
  message: 'The operator changes nothing while the annotation net-exporter.dev/paused is "true". Remove it to resume.',
};
const isStalled: ReasonAndMessage = { reason: 'Stalled', message: 'Blocked; see the Stalled condition.' };
const isSettled: ReasonAndMessage = { reason: 'Settled', message: 'Everything matches the spec.' };
const isFree: ReasonAndMessage = { reason: 'NoObstacle', message: 'No obstacles.' };

function stalledBy(findings: Findings): ReasonAndMessage | undefined {
  const { obstacles, daemonSet, refusal } = findings;
  for (const reason of stallReasons) {
    const messages = obstacles.filter((obstacle) => obstacle.reason === reason).map(({ message }) => message);
    if (messages.length > 0) return { reason, message: sentences(messages) };
  }
  const missing = daemonSet && remainingOf(daemonSet, findings.stranded).missing;
  if (missing && refusal !== undefined)
    return { reason: 'PodsRefused', message: refusalMessage(refusal, missing, daemonSet.desired) };
  return faultVerdict(lastingFaults(findings).filter(({ reason }) => reason !== 'AgentUnschedulable'));
}

/** The faults on nodes that can run pods: those on others are as old as the last word of the kubelet. */
export function lastingFaults({ faults, stranded }: Findings): Findings['faults'] {
  const nodes = new Set(stranded.map(({ node }) => node));
  return faults.filter(({ node }) => !nodes.has(node));
}

/** For each kind of fault, what is wrong with the agents that have it, and what to do. */
const faultWords: Record<AgentFault['reason'], { trouble: string; remedy: string }> = {
  AgentImagePullFailed: {
    trouble: 'cannot pull the image',
    remedy: 'Check spec.agent.image, spec.agent.imagePullSecrets and the registry.',
  },
  AgentStartFailed: { trouble: 'cannot start', remedy: 'Check spec.agent.image and the Events of the pods.' },
  AgentOOMKilled: {
    trouble: 'exceeded the memory limit',
    remedy: 'Increase the memory limit in spec.agent.resources, or let agents probe less.',
  },
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

/** What keeps the objects from being as declared, and a retry may end. */
function applyingBy({ obstacles, waitingFor }: Findings): ReasonAndMessage | undefined {
  if (obstacles.length > 0) {
    const reason = obstacles.some((obstacle) => obstacle.reason === 'WriteTimedOut') ? 'WriteTimedOut' : 'ApplyFailed';
    return { reason, message: sentences(obstacles.map(({ message }) => message)) };
  }
  if (waitingFor.length === 0) return undefined;
  const remedy = 'If this persists, check the finalizers of the object.';
  return { reason: 'WaitingForDeletion', message: `${sentences(waitingFor)} ${remedy}` };
}

/** What the DaemonSet's rollout waits for. */
function rolloutBy(findings: Findings): ReasonAndMessage | undefined {
  const { daemonSet, stranded, unready } = findings;
  const remaining = daemonSet && remainingOf(daemonSet, stranded);
  if (!remaining || remaining.unobserved > 0)
    return {
      reason: 'DaemonSetPending',
      message:
        'Waiting for the DaemonSet controller to observe the new generation. If this persists, check kube-controller-manager.',
    };
  const { desired, updated } = daemonSet;
  if (remaining.missing > 0) {
    const remedy = 'If this persists, check the Events of the DaemonSet.';
    return { reason: 'PodsMissing', message: `${remaining.missing} of ${desired} agents have no pod. ${remedy}` };
  }
  const unschedulable = faultVerdict(lastingFaults(findings));
  if (unschedulable) return unschedulable;
  if (remaining.outdated > 0) {
    const fact = `${updated} of ${desired} agents run the current pod template.`;
    const blocking = findings.isOverdue && unready.length > 0 ? [`Not ready: ${listOf(unready)}.`] : [];
    return { reason: 'RollingOut', message: [fact, ...blocking, ...blockingNodes(stranded)].join(' ') };
  }
  if (remaining.notReady > 0) {
    // The pods and the DaemonSet's counts are not of the same moment.
    const named = unready.length === 0 ? '' : ` Not ready: ${listOf(unready)}.`;
    const remedy = 'If this persists, check the logs and Events of the pods that are not ready.';
    return { reason: 'AgentsNotReady', message: `${readyAgents(daemonSet, stranded)}${named} ${remedy}` };
  }
  return undefined;
}

/** Which nodes delay a rollout, and what to do: an agent that is not ready is an unavailable one. */
function blockingNodes(stranded: readonly StrandedAgent[]): string[] {
  if (stranded.length === 0)
    return [
      'The others are replaced, at most spec.agent.maxUnavailable at a time.',
      'If this persists, check the Events of the DaemonSet, and the logs and Events of the pods that are not ready.',
    ];
  const remedy = 'Repair or delete the node, or increase spec.agent.maxUnavailable.';
  const verb = stranded.length === 1 ? 'counts' : 'count';
  return [`Of the agents, ${onUnreadyNodes(stranded)}, and ${verb} against spec.agent.maxUnavailable. ${remedy}`];
}

function atNode(node: string, message: string): string {
  return node === '' ? message : `${node} (${message})`;
}
