import type { Report } from '../../protocol/report.ts';
import { CountedSequences } from './counted-sequences.ts';
import { isSameLink, type Link, type LinkTable } from './link-table.ts';
import { type Outcomes, packOutcomes, unpackSums } from './packed-outcomes.ts';

/** Into how many parts a window is divided: it moves on by one of them at a time. */
export const slotsPerWindow = 8;

/** More links than any spec gives an agent: what one reports beyond is left out. */
export const maxLinksPerAgent = 10_000;

interface Slot {
  /** When it began, in monotonic milliseconds. */
  start: number;
  /** The outcomes of all reports that came in it, by position of their link. */
  packed: string;
}

/** What one agent has reported in the last window of time. */
export class AgentReports {
  readonly #table: LinkTable;
  readonly #counted = new CountedSequences();
  #links: Link[] = [];
  #slots: Slot[] = [];

  constructor(table: LinkTable) {
    this.#table = table;
  }

  /** Takes a report into account unless it has been. @param now monotonic milliseconds */
  take(report: Report, now: number, windowMs: number): void {
    if (!this.#counted.count(report)) return;
    const slotMs = windowMs / slotsPerWindow;
    const start = Math.floor(now / slotMs) * slotMs;
    this.#expire(now, windowMs);
    const last = this.#slots.at(-1);
    const into = last && last.start >= start ? last : undefined;
    const targets = this.#positioned(report);
    const packed = packOutcomes(targets);
    if (into) into.packed = packOutcomes(unpackSums([into.packed, packed]));
    else {
      this.#slots.push({ start, packed });
      if (this.#links.length > targets.length) this.#releaseUnused();
    }
  }

  /** What became of all attempts that were reported in the window, link by link. */
  *links(now: number, windowMs: number): Generator<[Link, Outcomes]> {
    this.#expire(now, windowMs);
    const sums = unpackSums(this.#slots.map(({ packed }) => packed));
    for (const [position, outcomes] of sums) yield [this.#links[position]!, outcomes];
  }

  /** Gives back what others share. */
  release(): void {
    for (const link of this.#links) this.#table.release(link);
    this.#links = [];
    this.#slots = [];
  }

  #expire(now: number, windowMs: number): void {
    while (this.#slots.length > 0 && this.#slots[0]!.start <= now - windowMs) this.#slots.shift();
  }

  /** A report's targets with the position of their link, without those of which there is nothing to say. */
  #positioned({ targets }: Report): [number, Outcomes][] {
    const all: [number, Outcomes][] = [];
    for (const target of targets) {
      if (target.attempts === 0 && target.retransmits === 0 && !target.losses) continue;
      const position = this.#positionOf(target, all.length);
      if (position !== undefined) all.push([position, target]);
    }
    return all;
  }

  /** @param guess where it is if the agent reports the same targets in the same order as before */
  #positionOf(target: Link, guess: number): number | undefined {
    const guessed = this.#links[guess];
    if (guessed && isSameLink(guessed, target)) return guess;
    const known = this.#table.find(target);
    const found = known ? this.#links.indexOf(known) : -1;
    if (found >= 0) return found;
    if (this.#links.length >= maxLinksPerAgent) return undefined;
    return this.#links.push(this.#table.use(target)) - 1;
  }

  /** Forgets the links of which nothing is left in the window. */
  #releaseUnused(): void {
    const slots = this.#slots.map((slot) => ({ slot, sums: unpackSums([slot.packed]) }));
    const used = new Set(slots.flatMap(({ sums }) => [...sums.keys()]));
    if (used.size === this.#links.length) return;
    const moved = new Map<number, number>();
    const kept: Link[] = [];
    for (const [position, link] of this.#links.entries())
      if (used.has(position)) moved.set(position, kept.push(link) - 1);
      else this.#table.release(link);
    this.#links = kept;
    for (const { slot, sums } of slots)
      slot.packed = packOutcomes([...sums].map(([position, outcomes]) => [moved.get(position)!, outcomes]));
  }
}
