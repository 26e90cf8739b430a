import type { Condition, NetExporterStatus } from '../../crd/net-exporter.ts';
import { type AgentFault, faultReasons } from '../agents/agent-pod.ts';
import type { PropagationFinding } from '../agents/propagation.ts';
import { propagationStatus } from './propagation-status.ts';
import { listed } from './wording.ts';

/** An object that is not as it should be, and that trying again at once does not mend. */
export interface Obstacle {
  /**
   * ObjectNotOurs: someone else's has the name. ApplyRejected: the API server refuses what we declare. FieldsContested: someone
   * keeps changing it. ApplyFailed: it failed and may succeed soon.
   */
  reason: 'ObjectNotOurs' | 'ApplyRejected' | 'FieldsContested' | 'ApplyFailed';
  /** Kind, name and what is wrong. */
  message: string;
}

/** What a reconcile found. */
export interface Findings {
  /** The generation of the spec that was applied. */
  generation: number;
  obstacles: Obstacle[];
  /** What has to go away first, such as an object under deletion. */
  waitingFor: string[];
  /** The DaemonSet as it is; undefined where there is none of ours. */
  daemonSet: DaemonSetProgress | undefined;
  faults: (AgentFault & { node: string })[];
  /** How far the spec has got by sync; undefined where this operator does not sync. */
  propagation: PropagationFinding | undefined;
}

/** How far the DaemonSet's controller is. */
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

interface Verdict {
  reason: string;
  message: string;
}

/**
 * The status for what was found. Conditions follow kstatus: Stalled means that someone has to help, Reconciling that it goes
 * on by itself, Ready that neither is so and every agent is ready. A cluster without a fitting node is Ready with 0/0.
 * @param previous whose times of transition are kept where the condition's status is the same
 * @param now milliseconds since the epoch
 */
export function statusOf(findings: Findings, previous: NetExporterStatus | undefined, now: number): NetExporterStatus {
  const { daemonSet, generation } = findings;
  const desired = daemonSet?.desired ?? 0;
  const ready = daemonSet?.ready ?? 0;
  const stalled = stalledBy(findings);
  const reconciling = stalled ? undefined : reconcilingBy(findings);
  return statusWith(generation, findings, previous, now, {
    Ready: [!stalled && !reconciling, stalled ?? reconciling ?? healthyWith(desired, ready)],
    Reconciling: [reconciling !== undefined, reconciling ?? (stalled ? isStalled : isSettled)],
    Stalled: [stalled !== undefined, stalled ?? isFree],
  });
}

/**
 * The status while reconciling is paused: the agents as they are, and the generation as it was. kstatus then takes a resource
 * whose spec was edited meanwhile for one in progress, and one whose spec was not for what it was before.
 */
export function pausedStatusOf(
  findings: Findings,
  previous: NetExporterStatus | undefined,
  now: number,
): NetExporterStatus {
  const { daemonSet } = findings;
  const { desired = 0, ready = 0 } = daemonSet ?? {};
  const seen = { ...findings, obstacles: [], waitingFor: [] };
  const stalled = stalledBy(seen);
  const short = daemonSet
    ? reconcilingBy(seen)
    : { reason: 'Paused', message: `there are no agents: ${isPaused.message}` };
  return statusWith(previous?.observedGeneration ?? 0, findings, previous, now, {
    Ready: [!stalled && !short, stalled ?? short ?? healthyWith(desired, ready)],
    Reconciling: [false, isPaused],
    Stalled: [stalled !== undefined, stalled ?? isFree],
  });
}

/** Whether the agents have the present settings and targets, where the operator syncs with them. */
const propagated = 'ConfigPropagated';

function statusWith(
  generation: number,
  { daemonSet, propagation }: Findings,
  previous: NetExporterStatus | undefined,
  now: number,
  conditions: Record<string, [holds: boolean, verdict: Verdict]>,
): NetExporterStatus {
  const { desired = 0, ready = 0 } = daemonSet ?? {};
  const sync = propagationStatus(propagation, previous);
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
        return { type, status, observedGeneration: generation, lastTransitionTime: since, ...verdict };
      }),
      ...(kept ? [kept] : []),
    ],
  };
}

function healthyWith(desired: number, ready: number): Verdict {
  return desired === 0
    ? { reason: 'NoNodes', message: 'no node fits spec.agent.nodeSelector, affinity and tolerations' }
    : { reason: 'AgentsReady', message: `${ready} of ${desired} agents are ready` };
}

const isPaused: Verdict = {
  reason: 'Paused',
  message: 'nothing is changed while the annotation net-exporter.dev/paused is "true"; remove it to go on',
};
const isStalled: Verdict = { reason: 'Stalled', message: 'waiting for help; see the condition Stalled' };
const isSettled: Verdict = { reason: 'Settled', message: 'everything is as the spec says' };
const isFree: Verdict = { reason: 'NoObstacle', message: 'nothing needs help' };

function stalledBy({ obstacles, faults }: Findings): Verdict | undefined {
  for (const reason of ['ObjectNotOurs', 'ApplyRejected', 'FieldsContested'] as const) {
    const messages = obstacles.filter((obstacle) => obstacle.reason === reason).map(({ message }) => message);
    if (messages.length > 0) return { reason, message: listed(messages) };
  }
  return faultVerdict(faults.filter(({ reason }) => reason !== 'AgentUnschedulable'));
}

/** The worst kind of fault, and where it is. */
function faultVerdict(faults: Findings['faults']): Verdict | undefined {
  const reason = faultReasons.find((candidate) => faults.some((fault) => fault.reason === candidate));
  if (reason === undefined) return undefined;
  const messages = faults.filter((fault) => fault.reason === reason).map(({ node, message }) => atNode(node, message));
  return { reason, message: listed(messages.sort()) };
}

function reconcilingBy({ obstacles, waitingFor, daemonSet, faults }: Findings): Verdict | undefined {
  if (obstacles.length > 0) return { reason: 'ApplyFailed', message: listed(obstacles.map(({ message }) => message)) };
  if (waitingFor.length > 0) return { reason: 'WaitingForDeletion', message: listed(waitingFor) };
  if (!daemonSet || daemonSet.observedGeneration < daemonSet.generation)
    return { reason: 'DaemonSetPending', message: 'the DaemonSet has been applied and not been acted on yet' };
  const { desired, created, updated, ready } = daemonSet;
  if (created < desired)
    return {
      reason: 'PodsMissing',
      message: `${desired - created} of ${desired} agents have no pod; if that stays, the events of the DaemonSet say why`,
    };
  const unschedulable = faultVerdict(faults);
  if (unschedulable) return unschedulable;
  if (updated < desired)
    return { reason: 'RollingOut', message: `${updated} of ${desired} agents are of the current template` };
  if (ready < desired) return { reason: 'AgentsNotReady', message: `${ready} of ${desired} agents are ready` };
  return undefined;
}

function atNode(node: string, message: string): string {
  return node === '' ? message : `node ${node}: ${message}`;
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
