import type { ConditionReason } from '../../contract/reasons.ts';
import type { Condition, NetExporterStatus } from '../../crd/net-exporter.ts';
import type { EventContent } from '../events/event.ts';
import type { WrittenStatus } from './status-writer.ts';

/** What keeps the objects or agents from being as declared, whatever the condition was before. */
const troubles: readonly ConditionReason[] = ['ApplyFailed', 'WriteTimedOut', 'AgentUnschedulable'];

/** Agents that a rollout or a new node explains, unless they had been ready. */
const shortages: readonly ConditionReason[] = ['AgentsNotReady', 'PodsMissing'];

/** What keeps agents from the newest settings and targets. An edit that is on its way does not. */
const outOfSync: readonly ConditionReason[] = ['AgentsOutOfSync', 'PlanFailed', 'SyncUnavailable'];

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

/** Returns the Events for a change of status: Warning for a bad state, Normal for a good one. */
export function statusEvents(written: WrittenStatus): EventContent[] {
  return conditionChanges(written).flatMap((change) => {
    const type = eventType(change, written);
    const { reason, message } = change.after;
    return type ? [{ type, reason, action: 'Reconcile', note: message }] : [];
  });
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
    default:
      return undefined;
  }
}

function lossOfReadiness(
  before: Condition | undefined,
  reason: ConditionReason,
  { before: previous, after }: WrittenStatus,
): EventContent['type'] | undefined {
  if (troubles.includes(reason)) return 'Warning';
  if (before?.status !== 'True') return undefined;
  // Stalled has an Event of its own.
  if (find(after, 'Stalled')?.status === 'True') return undefined;
  // Neither a new node nor one that is ready again takes any agent away.
  const isFewer = (after.agents?.ready ?? 0) < (previous?.agents?.ready ?? 0);
  return shortages.includes(reason) && isFewer ? 'Warning' : 'Normal';
}

function find({ conditions }: NetExporterStatus, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
