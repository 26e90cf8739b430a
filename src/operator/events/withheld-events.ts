import { shortened } from '../../base/bounded-text.ts';
import type { EventContent, Occurrence, Regarding } from './event.ts';

/** Objects with withheld Events. The oldest makes room. */
const maxObjects = 256;

/** Maximum number of reasons that a note names. There are about 40. */
const maxNamed = 5;

/** Maximum length of the newest note, so that what is appended fits into an Event. In UTF-16 code units. */
const maxNoteLength = 700;

/** An Event that has not been written. */
export interface WithheldEvent {
  content: EventContent;
  regarding: Regarding;
  occurrence: Occurrence | undefined;
}

/** The Events of one type about one object. */
interface Withheld {
  newest: WithheldEvent;
  /** How many there were before it, by reason. */
  others: ReadonlyMap<string, number>;
}

/**
 * Events that wait, because there are too many about their object. Of each type only the newest is kept, with the
 * number of the others by reason: Warnings are not lost among Normal ones, and the memory is bounded.
 */
export class WithheldEvents {
  /** By the object's uid and the type of Event. The object whose first Event waits longest is the first. */
  readonly #objects = new Map<string, Map<EventContent['type'], Withheld>>();
  readonly #onDropped: (count: number) => void;

  /** @param onDropped called with the number of Events that are dropped because those of too many objects wait */
  constructor(onDropped: (count: number) => void) {
    this.#onDropped = onDropped;
  }

  /** How many objects have Events. */
  get size(): number {
    return this.#objects.size;
  }

  /** The objects with Events, each with the reason of its newest one. */
  get newest(): { uid: string; reason: string }[] {
    return [...this.#objects].map(([uid, types]) => ({
      uid,
      reason: [...types.values()].at(-1)!.newest.content.reason,
    }));
  }

  /** @param times how often it happened */
  add(event: WithheldEvent, times = 1): void {
    const { uid } = event.regarding.metadata;
    const types = this.#objects.get(uid) ?? new Map<EventContent['type'], Withheld>();
    this.#objects.set(uid, types);
    const before = types.get(event.content.type);
    // The type with the newest Event is the last one.
    types.delete(event.content.type);
    types.set(event.content.type, { newest: event, others: othersOf(before, event, times - 1) });
    const [oldest] = this.#objects.keys();
    if (this.#objects.size > maxObjects) this.#onDropped(sumOf(this.#remove(oldest!)));
  }

  /** Removes the Events about an object. @returns one Event of each type, and how many others it contains */
  take(uid: string): { event: WithheldEvent; others: number }[] {
    return this.#remove(uid).map((withheld) => ({ event: aggregated(withheld), others: total(withheld) - 1 }));
  }

  /** Drops all. @returns how many Events */
  clear(): number {
    return sumOf(this.newest.flatMap(({ uid }) => this.#remove(uid)));
  }

  #remove(uid: string): Withheld[] {
    const types = this.#objects.get(uid);
    this.#objects.delete(uid);
    return [...(types?.values() ?? [])];
  }
}

/** What there was before an Event: what was withheld, and the Event itself some times. */
function othersOf(before: Withheld | undefined, { content }: WithheldEvent, times: number): Map<string, number> {
  const others = new Map(before?.others);
  const count = (reason: string, more: number) => more > 0 && others.set(reason, (others.get(reason) ?? 0) + more);
  if (before) count(before.newest.content.reason, 1);
  count(content.reason, times);
  return others;
}

function aggregated(withheld: Withheld): WithheldEvent {
  const { newest, others } = withheld;
  const count = total(withheld) - 1;
  if (count === 0) return newest;
  const sorted = [...others].sort(([a, times], [b, more]) => more - times || (a < b ? -1 : 1));
  const named = sorted.slice(0, maxNamed).map(([reason, times]) => `${reason} (${times})`);
  const left = sorted.length > named.length ? ` and ${sorted.length - named.length} other reasons` : '';
  const changes = count === 1 ? '1 more change' : `${count} more changes`;
  const note = `${shortened(newest.content.note, maxNoteLength)} Before it, ${changes}: ${named.join(', ')}${left}.`;
  return { ...newest, content: { ...newest.content, note } };
}

function total({ others }: Withheld): number {
  return [...others.values()].reduce((sum, times) => sum + times, 1);
}

function sumOf(all: readonly Withheld[]): number {
  return all.reduce((sum, withheld) => sum + total(withheld), 0);
}
