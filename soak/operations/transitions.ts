import type { Condition, EventFacts, StatusFacts } from './facts.ts';

/** A change of a condition to a bad state, which needs a Warning Event (docs/errors.md, "Events"). */
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

/** An Event may be written so long before the status is seen, and so long after it. Milliseconds. */
const beforeMs = 5000;
const afterMs = 15_000;
/** Of a series only the first two are written at once; the others are known when it ends (KEP-383). Milliseconds. */
const seriesMs = 6 * 60_000;
/** Of an Event, the API server keeps a note of so many bytes. */
const maxNote = 1000;

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
  if (before?.status === status && before.reason === reason) return false;
  if (type === 'Stalled') return status === 'True';
  if (type === 'ConfigPropagated') return status === 'False' && outOfSync.includes(reason);
  if (type !== 'Ready') return false;
  if (status === 'True') return reason === 'NoNodes';
  if (faults.includes(reason)) return true;
  // A rollout or a new node takes no agent away. Stalled says for itself what it is.
  const isLoss = (now.agents?.ready ?? 0) < (old?.agents?.ready ?? 0);
  const isStalled = find(now, 'Stalled')?.status === 'True';
  return losses.includes(reason) && before?.status === 'True' && isLoss && !isStalled;
}

function find(status: StatusFacts | undefined, type: string): Condition | undefined {
  return status?.conditions.find((condition) => condition.type === type);
}

/** How a transition was told. */
export type Told = 'event' | 'series' | 'not';

/** Whether there is a Warning Event for a transition, or a series of them to which it was added. */
export function toldBy(transition: Transition, events: readonly EventFacts[]): Told {
  const { at, resource, reason, message } = transition;
  const own = events.filter(
    (event) =>
      event.type === 'Warning' &&
      event.regarding === resource &&
      event.reason === reason &&
      sameText(event.note, message),
  );
  const isNear = (time: number) => time >= at - beforeMs && time <= at + afterMs;
  if (own.some(({ firstAt, lastAt }) => isNear(firstAt) || isNear(lastAt))) return 'event';
  const isOpen = ({ count, lastAt }: EventFacts) => count >= 2 && lastAt < at && at - lastAt < seriesMs;
  return own.some(isOpen) ? 'series' : 'not';
}

/** The API server, or the operator, cuts long texts. */
function sameText(note: string, message: string): boolean {
  const beginning = (text: string) => text.replace(/…$/, '').slice(0, maxNote - 10);
  return beginning(note).startsWith(beginning(message)) || beginning(message).startsWith(beginning(note));
}

/** A time in which only what was planned happened. Milliseconds since the epoch. */
export interface PlannedTime {
  from: number;
  until: number;
  operation: string;
}

/** Warning Events about what was planned, each in a sentence: rollouts, new nodes and nodes that return are Normal. */
export function warningsOfPlanned(events: readonly EventFacts[], times: readonly PlannedTime[]): string[] {
  return events.flatMap(({ type, reason, note, firstAt, lastAt }) =>
    type === 'Warning'
      ? times
          .filter(({ from, until }) => [firstAt, lastAt].some((at) => at >= from && at <= until))
          .map(({ operation }) => `a Warning ${reason} during ${operation}, which was planned: ${note}`)
      : [],
  );
}
