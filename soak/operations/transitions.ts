import type { Condition, StatusFacts } from './facts.ts';

/**
 * A change of a condition to a bad state, or a further fault in one, which needs a Warning Event (docs/errors.md,
 * "Events").
 */
export interface Transition {
  /** When the status was seen, in milliseconds since the epoch. */
  at: number;
  /** The uid of the NetExporter. */
  resource: string;
  condition: string;
  reason: string;
  message: string;
  operation: string;
}

/** A status that the operator wrote, in the order in which a watch showed it. */
export interface StatusVersion {
  at: number;
  resource: string;
  status: StatusFacts;
  operation: string;
}

const faults = ['ApplyFailed', 'WriteTimedOut', 'AgentUnschedulable'];
const losses = ['AgentsNotReady', 'PodsMissing'];
const outOfSync = ['AgentsOutOfSync', 'PlanFailed', 'SyncUnavailable'];
/** What a rollout or an edit explains. Agents that are lost meanwhile may be those that it replaces. */
const planned = ['RollingOut', 'DaemonSetPending', 'WaitingForDeletion', 'WaitingForFinalizers'];

/** The changes to a bad state between one status and the next; the first one of a NetExporter has none before it. */
export function badTransitions(before: StatusVersion | undefined, after: StatusVersion): Transition[] {
  const old = before?.resource === after.resource ? before.status : undefined;
  return after.status.conditions
    .filter((condition) => isBad(find(old, condition.type), condition, old, after.status))
    .map(({ type, reason, message }) => {
      const { at, resource, operation } = after;
      return { at, resource, condition: type, reason, message, operation };
    });
}

function isBad(
  before: Condition | undefined,
  after: Condition,
  old: StatusFacts | undefined,
  now: StatusFacts,
): boolean {
  const { type, status, reason } = after;
  if (before?.status === status && before.reason === reason) return isFurtherFault(before, after, old, now);
  if (type === 'Stalled') return status === 'True';
  if (type === 'ConfigPropagated') return status === 'False' && outOfSync.includes(reason);
  if (type !== 'Ready') return false;
  if (status === 'True') return reason === 'NoNodes';
  if (faults.includes(reason)) return true;
  if (reason === 'Paused') return before?.status === 'True';
  // Stalled says for itself what it is.
  if (!before || find(now, 'Stalled')?.status === 'True') return false;
  return losses.includes(reason) && isLoss(old, now) && !planned.includes(before.reason);
}

/**
 * Whether a condition that stays bad for the same reason is about another node, too. Of ConfigPropagated that is not
 * known: it also names agents that an edit has not reached yet.
 */
function isFurtherFault(before: Condition, after: Condition, old: StatusFacts | undefined, now: StatusFacts): boolean {
  const { type, status, reason, message } = after;
  if (type === 'Ready' ? status !== 'False' : type !== 'Stalled' || status !== 'True') return false;
  const isOfReady = losses.includes(reason) || reason === 'AgentUnschedulable';
  if ((type === 'Ready') !== isOfReady) return false;
  if (losses.includes(reason) || reason === 'ProgressDeadlineExceeded') return isLoss(old, now);
  if (/ and \d+ more\b/.test(before.message)) return false;
  const named = nodesIn(before.message);
  return nodesIn(message).some((node) => !named.includes(node));
}

/** Whether agents that were ready are not; neither a new node nor one that is no longer wanted is a loss. */
function isLoss(old: StatusFacts | undefined, now: StatusFacts): boolean {
  const { ready: readyBefore = 0, desired: desiredBefore = 0 } = old?.agents ?? {};
  const { ready = 0, desired = 0 } = now.agents ?? {};
  return ready < readyBefore && desired - ready > desiredBefore - readyBefore;
}

/** The nodes of a local cluster that a message names. */
function nodesIn(message: string): string[] {
  return message.match(/\bnode-\d+\b/g) ?? [];
}

function find(status: StatusFacts | undefined, type: string): Condition | undefined {
  return status?.conditions.find((condition) => condition.type === type);
}
