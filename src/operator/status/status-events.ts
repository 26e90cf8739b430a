import type { ConditionReason } from '../../contract/reasons.ts';
import type { Condition, NetExporterStatus, StatusSuspect } from '../../crd/net-exporter.ts';
import type { EventContent, Occurrence } from '../events/event.ts';
import { concerns, type HealthCondition } from './health-status.ts';
import type { WrittenStatus } from './status-writer.ts';

/** What keeps the objects or agents from being as declared, whatever the condition was before. */
const troubles: readonly ConditionReason[] = ['ApplyFailed', 'WriteTimedOut', 'AgentUnschedulable'];

/** Agents that a rollout or a new node explains, unless they had been ready. */
const shortages: readonly ConditionReason[] = ['AgentsNotReady', 'PodsMissing'];

/** What keeps agents from the newest settings and targets. An edit that is on its way does not. */
const outOfSync: readonly ConditionReason[] = ['AgentsOutOfSync', 'PlanFailed', 'SyncUnavailable'];

/** What an edit or a rollout explains. */
const planned: readonly string[] = [
  'RollingOut',
  'DaemonSetPending',
  'WaitingForDeletion',
  'WaitingForFinalizers',
] satisfies ConditionReason[];

/**
 * How old a transition may be of which a new leader repeats the Event, in milliseconds: longer than it takes to elect
 * one, and shorter than Events are kept, which is an hour by default.
 */
export const repeatMs = 300_000;

/** Why the health is not known although it could be. */
const blindness: readonly ConditionReason[] = ['NoReports', 'IntervalTooLong'];

type KnownCondition = Condition & { reason: ConditionReason };

/** A condition that has another status or reason than before. */
export interface ConditionChange {
  before: Condition | undefined;
  after: KnownCondition;
}

/** The conditions that have another status or reason than before, in the order of the status. */
export function conditionChanges({ before, after }: WrittenStatus): ConditionChange[] {
  return (after.conditions ?? [])
    .map((condition) => ({
      before: before?.conditions?.find(({ type }) => type === condition.type),
      // The operator has just written them.
      after: condition as KnownCondition,
    }))
    .filter(({ before, after }) => before?.status !== after.status || before.reason !== after.reason);
}

/** An Event about a condition. */
export interface StatusEvent {
  content: EventContent;
  /** Of a transition, which a new leader recognizes by the status. */
  occurrence: Occurrence | undefined;
}

/**
 * Returns the Events for a change of status: Warning for a bad state, Normal for a good one. Conditions that change for
 * the same reason have one.
 */
export function statusEvents(written: WrittenStatus): StatusEvent[] {
  const events = conditionChanges(written).flatMap((change): StatusEvent[] => {
    const type = eventType(change, written);
    if (!type) return [];
    const occurrence = isTransition(change) ? { id: transitionOf(change.after), mayExist: false } : undefined;
    return [{ content: contentOf(change.after, type), occurrence }];
  });
  const notes = events.map(({ content }) => content.note);
  return events.filter(({ content }, index) => notes.indexOf(content.note) === index);
}

/**
 * Returns the Events of recent transitions to a bad state, which the former leader may have been killed before it
 * wrote. To be written as those that may exist.
 * @param status as the former leader wrote it last
 * @param now milliseconds since the epoch
 */
export function repeatedEvents(status: NetExporterStatus | undefined, now: number): StatusEvent[] {
  if (!status) return [];
  return (status.conditions ?? [])
    .filter((condition) => now - Date.parse(condition.lastTransitionTime) < repeatMs && isBad(condition, status))
    .map((condition) => ({
      content: contentOf(condition as KnownCondition, 'Warning'),
      occurrence: { id: transitionOf(condition), mayExist: true },
    }));
}

/** Whether agents that were ready are not: neither new ones, nor those that are no longer wanted. */
export function isLossOfAgents({ before, after }: WrittenStatus): boolean {
  const { ready: readyBefore = 0, desired: desiredBefore = 0 } = before?.agents ?? {};
  const { ready = 0, desired = 0 } = after.agents ?? {};
  return ready < readyBefore && desired - ready > desiredBefore - readyBefore;
}

function contentOf({ reason, message }: KnownCondition, type: EventContent['type']): EventContent {
  return { type, reason, action: 'Reconcile', note: message };
}

/** Whether a change is the first of its status that has an Event: `AgentsWaiting` has none. */
function isTransition({ before, after }: ConditionChange): boolean {
  if (before?.status !== after.status) return true;
  return after.type === 'ConfigPropagated' && !isOutOfSync(before.reason);
}

function transitionOf({ type, status, lastTransitionTime }: Condition): string {
  return `${type} ${status} ${lastTransitionTime}`;
}

/** Whether a condition says that something is wrong that is worth a Warning, whatever it was before. */
function isBad(
  { type, status, reason, lastTransitionTime }: Condition,
  { conditions = [] }: NetExporterStatus,
): boolean {
  switch (type) {
    case 'Stalled':
      return status === 'True';
    case 'Ready':
      if (status === 'True') return reason === 'NoNodes';
      // Stalled has an Event of its own. A new NetExporter is not ready from its first status on, which has no Event.
      return (
        [...troubles, ...shortages, 'Paused'].includes(reason) &&
        find({ conditions }, 'Stalled')?.status !== 'True' &&
        conditions.some((other) => other.lastTransitionTime < lastTransitionTime)
      );
    case 'ConfigPropagated':
      return status === 'False' && isOutOfSync(reason);
    case 'DNSHealthy':
    case 'NetworkHealthy':
      return status === 'Unknown' && isBlind(reason);
    default:
      return false;
  }
}

function isBlind(reason: string): boolean {
  return blindness.some((each) => each === reason);
}

function isOutOfSync(reason: string): boolean {
  return outOfSync.some((each) => each === reason);
}

/** Undefined: not worth an Event. */
function eventType({ before, after }: ConditionChange, written: WrittenStatus): EventContent['type'] | undefined {
  const { type, status, reason } = after;
  const isNewStatus = before?.status !== status;
  switch (type) {
    case 'Stalled':
      return status === 'True' ? 'Warning' : undefined;
    case 'Ready':
      if (status === 'True') {
        if (reason === 'NoNodes') return 'Warning';
        return isNewStatus || before?.reason === 'NoNodes' ? 'Normal' : undefined;
      }
      return lossOfReadiness(before, reason, written);
    case 'ConfigPropagated':
      if (status === 'False') return outOfSync.includes(reason) ? 'Warning' : undefined;
      return status === 'True' && before && isNewStatus ? 'Normal' : undefined;
    case 'DNSHealthy':
    case 'NetworkHealthy':
      if (status === 'Unknown') return isBlind(reason) ? 'Warning' : undefined;
      // The other changes have Events of the suspects.
      if (status === 'False') return isNewStatus && !hasNewSuspect(written, type) ? 'Warning' : undefined;
      return before?.status === 'Unknown' ? 'Normal' : undefined;
    default:
      return undefined;
  }
}

/** Whether a suspect by which a condition is False is not in the status before. */
function hasNewSuspect({ before, after }: WrittenStatus, type: HealthCondition): boolean {
  const known = new Set(before?.suspects?.map(keyOfSuspect));
  return (after.suspects ?? []).some((suspect) => concerns[type](suspect) && !known.has(keyOfSuspect(suspect)));
}

function keyOfSuspect({ kind, name }: StatusSuspect): string {
  return `${kind} ${name}`;
}

function lossOfReadiness(
  before: Condition | undefined,
  reason: ConditionReason,
  written: WrittenStatus,
): EventContent['type'] | undefined {
  if (troubles.includes(reason)) return 'Warning';
  // Stalled has an Event of its own.
  if (before === undefined || find(written.after, 'Stalled')?.status === 'True') return undefined;
  const isLoss = shortages.includes(reason) && isLossOfAgents(written);
  // Paused: nothing replaces a DaemonSet that is gone.
  if (before.status === 'True') return isLoss || reason === 'Paused' ? 'Warning' : 'Normal';
  return isLoss && !planned.includes(before.reason) ? 'Warning' : undefined;
}

function find({ conditions }: NetExporterStatus, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
