import { withoutLowest } from '../../protocol/latency-sketch.ts';
import type { Report } from '../../protocol/report.ts';
import { CountedSequences } from './counted-sequences.ts';
import { isSameLink, type Link, type LinkTable } from './link-table.ts';
import { addPositions, merged, type Outcomes, packOutcomes, unpackSums, withoutLatencies } from './packed-outcomes.ts';
import type { ReportDrops, ReportHolder } from './report-memory.ts';

/** A window is divided into this many slots, and moves on by one slot at a time. */
export const slotsPerWindow = 8;

/** Maximum number of links per agent: all targets of the largest plan, and those that an edit has replaced. */
export const maxLinksPerAgent = 1500;

/** Maximum number of buckets in the sketch of one target in one report. */
export const maxSketchEntries = 64;

/** Maximum memory for the reports of one agent, in bytes. */
export const maxAgentBytes = 262_144;

/** Memory for one link of an agent, in bytes. The link itself is shared. */
const linkBytes = 8;

/**
 * Which links an agent may report for the first time. Links that it has reported within the window stay allowed: an
 * agent reports the last results of a target after the target was removed from its plan.
 * @param known the links that the agent has reported within the window
 */
export type LinkPlan = (known: Iterable<Link>) => (link: Link) => boolean;

/** The results of one target in a report, with the shared object of the target. */
export type AcceptedResult = readonly [Link, Outcomes];

/** What the reports of all agents of a NetExporter share. */
export interface SharedReports {
  readonly table: LinkTable;
  readonly drops: ReportDrops;
  /** The current time, in milliseconds of the monotonic clock. */
  now(): number;
  readonly windowMs: number;
}

interface Slot {
  /** Start, in milliseconds of the monotonic clock. */
  start: number;
  /** The packed results of all reports in it. */
  packed: string;
  /** Number of reports that are not merged yet. */
  reports: number;
}

/**
 * What one agent has reported within the window. A report is appended to the current slot, and merged once, when the
 * slot ends or the memory of the agent is used up. So taking a report costs what it contains, not what there is
 * already.
 */
export class AgentReports implements ReportHolder {
  readonly #shared: SharedReports;
  readonly #counted = new CountedSequences();
  /** By position. Undefined: free. */
  readonly #links: (Link | undefined)[] = [];
  #free: number[] = [];
  #slots: Slot[] = [];

  constructor(shared: SharedReports) {
    this.#shared = shared;
  }

  get bytes(): number {
    return this.#slots.reduce((total, { packed }) => total + packed.length, linkBytes * this.#links.length);
  }

  /**
   * Processes a report unless it has been processed before.
   * @param onAccepted called with the results that count, which are planned and bounded, before anything is dropped
   */
  take(report: Report, plan: LinkPlan, onAccepted: (results: AcceptedResult[]) => void): void {
    if (!this.#counted.count(report)) return;
    const slot = this.#currentSlot();
    const results = this.#positioned(report, plan);
    if (results.length === 0) return;
    onAccepted(results.map(([position, outcomes]) => [this.#links[position]!, outcomes]));
    slot.packed += packOutcomes(results);
    slot.reports++;
    this.#fit();
  }

  /** The results of all attempts that were reported within the window, by link. */
  *links(): Generator<[Link, Outcomes]> {
    this.#expire();
    const sums = unpackSums(this.#slots.map(({ packed }) => packed));
    for (const [position, outcomes] of sums) yield [this.#links[position]!, outcomes];
  }

  /** Drops the sketches, or the oldest slot if there are none. */
  shed(): void {
    this.#expire();
    if (!this.#dropSketches('memory')) this.#dropOldest('memory');
  }

  /** Releases what is shared. */
  release(): void {
    for (const link of this.#links) if (link) this.#shared.table.release(link);
    this.#links.length = 0;
    this.#free = [];
    this.#slots = [];
  }

  #currentSlot(): Slot {
    const { windowMs } = this.#shared;
    const slotMs = windowMs / slotsPerWindow;
    const start = Math.floor(this.#shared.now() / slotMs) * slotMs;
    this.#expire();
    const last = this.#slots.at(-1);
    if (last && last.start >= start) return last;
    if (last) merge(last);
    this.#releaseUnused();
    const slot = { start, packed: '', reports: 0 };
    this.#slots.push(slot);
    return slot;
  }

  #expire(): void {
    const { windowMs } = this.#shared;
    const end = this.#shared.now() - windowMs;
    while (this.#slots.length > 0 && this.#slots[0]!.start <= end) this.#slots.shift();
  }

  /** The targets of a report with results, by the position of their link. */
  #positioned({ targets }: Report, plan: LinkPlan): [number, Outcomes][] {
    const { drops } = this.#shared;
    const all: [number, Outcomes][] = [];
    let isPlanned: ((link: Link) => boolean) | undefined;
    for (const target of targets) {
      if (target.attempts === 0 && target.retransmits === 0 && !target.losses) continue;
      let position = this.#positionOf(target, all.length);
      if (position === undefined) {
        isPlanned ??= plan(this.#links.filter((link) => link !== undefined));
        if (isPlanned(target)) position = this.#newPosition(target);
        if (position === undefined) {
          drops.targets(isPlanned(target) ? 'too_many' : 'not_planned', 1);
          continue;
        }
      }
      const latencies = withoutLowest(target.latencies, maxSketchEntries);
      if (latencies !== target.latencies) drops.sketches('buckets', 1);
      all.push([position, { ...target, latencies }]);
    }
    return all;
  }

  /** @param guess its position if the agent reports the same targets in the same order as before */
  #positionOf(target: Link, guess: number): number | undefined {
    const guessed = this.#links[guess];
    if (guessed && isSameLink(guessed, target)) return guess;
    const known = this.#shared.table.find(target);
    const found = known ? this.#links.indexOf(known) : -1;
    return found >= 0 ? found : undefined;
  }

  #newPosition(target: Link): number | undefined {
    const position = this.#free.pop() ?? this.#links.length;
    if (position >= maxLinksPerAgent) return undefined;
    this.#links[position] = this.#shared.table.use(target);
    return position;
  }

  /** Releases the links without results in the window. Their positions are used again. */
  #releaseUnused(): void {
    const used = positionsIn(this.#slots);
    for (const [position, link] of this.#links.entries()) {
      if (!link || used.has(position)) continue;
      this.#shared.table.release(link);
      this.#links[position] = undefined;
    }
    // In the order of the next report, whose targets then have the positions at which they are expected.
    this.#links.length = this.#links.findLastIndex((link) => link !== undefined) + 1;
    this.#free = [...this.#links.keys()].filter((position) => !this.#links[position]).reverse();
  }

  /** Brings the memory below its limit: merges reports, then drops sketches, then the oldest slots. */
  #fit(): void {
    if (this.bytes <= maxAgentBytes) return;
    for (const slot of this.#slots) merge(slot);
    if (this.bytes > maxAgentBytes) this.#dropSketches('agent_memory');
    while (this.bytes > maxAgentBytes) this.#dropOldest('agent_memory');
  }

  /** @returns whether there were any */
  #dropSketches(reason: 'agent_memory' | 'memory'): boolean {
    let dropped = 0;
    for (const slot of this.#slots) {
      const { packed, sketches } = withoutLatencies(slot.packed);
      Object.assign(slot, { packed, reports: 1 });
      dropped += sketches;
    }
    this.#shared.drops.sketches(reason, dropped);
    return dropped > 0;
  }

  /** The links stay until the next slot begins. */
  #dropOldest(reason: 'agent_memory' | 'memory'): void {
    const slot = this.#slots.shift();
    if (slot) this.#shared.drops.targets(reason, positionsIn([slot]).size);
    else this.release();
  }
}

function positionsIn(slots: readonly Slot[]): Set<number> {
  const positions = new Set<number>();
  for (const { packed } of slots) addPositions(positions, packed);
  return positions;
}

/** Merges the reports in a slot. */
function merge(slot: Slot): void {
  if (slot.reports > 1) slot.packed = merged(slot.packed);
  slot.reports = 1;
}
