import type { ConditionReason } from '../../contract/reasons.ts';
import type { Condition } from '../../crd/net-exporter.ts';
import type { EventContent } from '../events/event.ts';
import type { WrittenStatus } from './status-writer.ts';

/** Returns the Events for a change of status: a new reason for Stalled, and Ready turning True. */
export function statusEvents({ before, after }: WrittenStatus): EventContent[] {
  const events: EventContent[] = [];
  const was = (type: string) => find(before?.conditions, type);
  const is = (type: string) => find(after.conditions, type);
  const stalled = is('Stalled');
  if (stalled?.status === 'True' && (was('Stalled')?.status !== 'True' || was('Stalled')?.reason !== stalled.reason))
    events.push({ type: 'Warning', reason: stalled.reason, action: 'Reconcile', note: stalled.message });
  const ready = is('Ready');
  if (ready?.status === 'True' && was('Ready')?.status !== 'True')
    events.push({ type: 'Normal', reason: ready.reason, action: 'Reconcile', note: ready.message });
  return events;
}

function find(conditions: Condition[] | undefined, type: string) {
  // An older or newer version of the operator may have written others.
  return conditions?.find((condition) => condition.type === type) as
    | (Condition & { reason: ConditionReason })
    | undefined;
}
