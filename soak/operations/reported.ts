import type { EventFacts } from './facts.ts';
import type { Transition } from './transitions.ts';

/**
 * How a transition was reported: by an Event of its own, by the count of a series, by the count in a later Event of
 * another change, or not at all.
 */
export type Reported = 'event' | 'series' | 'aggregated' | 'no';

/** An Event may be written so long before the status is seen, and so long after it. Milliseconds. */
const beforeMs = 5000;
const afterMs = 15_000;
/** Of a series only the first two are written at once; the others are known when it ends (KEP-383). Milliseconds. */
const seriesMs = 6 * 60_000;
/** Events beyond the limit of an object are counted in the next one, which is written after five minutes at most. */
const aggregatedMs = 6 * 60_000;

/** What has been taken of an Event for transitions. */
interface Use {
  /** How many transitions are in its count. */
  count: number;
  /** When the last of them was, in milliseconds since the epoch. */
  lastAt: number;
  /** By reason, how many are in the count of others that its note has. */
  aggregated: Map<string, number>;
}

/**
 * How each transition was reported by Warning Events. No Event reports more transitions than it counts.
 * @param transitions in their order
 * @param events as they were last
 */
export function reportsOf(transitions: readonly Transition[], events: readonly EventFacts[]): Reported[] {
  const warnings = events.filter(({ type }) => type === 'Warning').sort((a, b) => a.firstAt - b.firstAt);
  const uses = new Map(warnings.map((event): [EventFacts, Use] => [event, newUse()]));
  return transitions.map((transition) => reportOf(transition, uses));
}

function newUse(): Use {
  return { count: 0, lastAt: Number.NEGATIVE_INFINITY, aggregated: new Map() };
}

function reportOf(transition: Transition, uses: ReadonlyMap<EventFacts, Use>): Reported {
  const { at, resource, reason, message } = transition;
  const own = [...uses].filter(([event]) => event.regarding === resource);
  for (const [event, use] of own) {
    if (event.reason !== reason || !isSameText(event.note, message)) continue;
    const reported = inCountOf(event, use, at);
    if (!reported) continue;
    use.count++;
    use.lastAt = at;
    return reported;
  }
  return own.some(([event, use]) => isAggregated(event, use, at, reason)) ? 'aggregated' : 'no';
}

/** How an Event with the text of a transition reports it; undefined if it does not. */
function inCountOf({ firstAt, lastAt, count }: EventFacts, use: Use, at: number): 'event' | 'series' | undefined {
  const isNear = (time: number) => time >= at - beforeMs && time <= at + afterMs;
  const isBetween = at >= firstAt && at <= lastAt;
  if (isBetween || isNear(firstAt) || isNear(lastAt)) {
    if (use.count >= count) return undefined;
    return isNear(firstAt) || isNear(lastAt) ? 'event' : 'series';
  }
  // The count of a series that goes on is not known yet.
  const isOpen = count >= 2 && at > lastAt && at - Math.max(lastAt, use.lastAt) < seriesMs;
  return isOpen ? 'series' : undefined;
}

/** Whether a later Event counts a transition among those before it: `Before it, 3 more changes: AgentsNotReady (3).` */
function isAggregated({ note, firstAt }: EventFacts, { aggregated }: Use, at: number, reason: string): boolean {
  if (firstAt < at - beforeMs || firstAt - at > aggregatedMs) return false;
  const [, counts = ''] = / Before it, \d+ more changes?: (.*)$/.exec(note) ?? [];
  const count = Number(new RegExp(`\\b${reason} \\((\\d+)\\)`).exec(counts)?.[1] ?? 0);
  const taken = aggregated.get(reason) ?? 0;
  if (taken >= count) return false;
  aggregated.set(reason, taken + 1);
  return true;
}

/** Whether a note is the message of a condition: perhaps cut, after what is new in it, or before a count of others. */
function isSameText(note: string, message: string): boolean {
  const own = note.replace(/ Before it, \d+ more changes?: .*$/, '');
  const text = own.startsWith('New: ') ? own.slice(own.indexOf('. ') + 2) : own;
  if (text.length > 100 && text.endsWith('…')) return message.startsWith(text.slice(0, -1));
  return text === message;
}

/** A time in which only what was planned happened. Milliseconds since the epoch. */
export interface PlannedTime {
  from: number;
  until: number;
  operation: string;
}

/** Edits name hosts and servers that do not exist, and CoreDNS is slow at times, which stays in the window. */
const isOfDns = ({ reason, note }: EventFacts) =>
  /^Suspects?Found$/.test(reason) && /(^|: )(Host|DNS server) /.test(note);

/** Warning Events about what was planned, each in a sentence: rollouts, new nodes and nodes that return are Normal. */
export function warningsOfPlanned(events: readonly EventFacts[], times: readonly PlannedTime[]): string[] {
  return events.flatMap((event) => {
    const { type, reason, note, firstAt, lastAt } = event;
    return type === 'Warning' && !isOfDns(event)
      ? times
          .filter(({ from, until }) => [firstAt, lastAt].some((at) => at >= from && at <= until))
          .map(({ operation }) => `a Warning ${reason} during ${operation}, which was planned: ${note}`)
      : [];
  });
}
