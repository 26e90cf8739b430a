import type { Horizons } from './fleet-facts.ts';

/** What is counted of each stream: an agent's attempts at one target. Every attempt is in at most one of the others. */
export const counters = ['attempts', 'failed', 'answered', 'refused', 'retransmitted', 'slow'] as const;

export type Counter = (typeof counters)[number];

export type Counts = Record<Counter, number>;

export const horizonNames = ['whole', 'half', 'now'] as const satisfies readonly (keyof Horizons)[];

export type HorizonName = (typeof horizonNames)[number];

/** The window moves by this fraction of its length. */
export const slotsPerWindow = 24;

const firstCapacity = 16;

/** Capacity doubles up to this one, and grows by a quarter beyond it. */
const largeCapacity = 16_384;

/** Capacity is given back when fewer than this share of it is used. */
const leastUsedShare = 0.25;

/** Those of a fleet without streams, which thus costs next to nothing. */
const noSlot = new Uint8Array(0);
const noSums = new Uint16Array(0);

/**
 * Sliding sums over several horizons for thousands of streams, in typed arrays: 180 bytes a stream. Adding a report
 * costs what it contains, and the window moves by subtracting what leaves it, so that a judgement reads sums and walks
 * no reports.
 */
export class StreamCounts {
  /** Length of a slot, in milliseconds. */
  readonly slotMs: number;
  readonly #lengths: Record<HorizonName, number>;
  readonly #slots: Record<Counter, Uint8Array[]>;
  readonly #sums: Record<Counter, Record<HorizonName, Uint16Array>>;
  /** Sums of all streams over the window. */
  readonly #totals: Counts = byCounter(() => 0);
  #capacity = 0;
  #size = 0;
  #free: number[] = [];
  /** Number of the current slot since the epoch of the clock. */
  #slot: number;

  constructor(horizons: Horizons, now: number) {
    this.slotMs = horizons.whole / slotsPerWindow;
    const slots = (ms: number) => Math.ceil(ms / this.slotMs - 1e-9);
    this.#lengths = {
      whole: slotsPerWindow,
      half: slots(horizons.half),
      now: slots(horizons.now),
    };
    this.#slot = Math.floor(now / this.slotMs);
    this.#slots = byCounter(() => new Array<Uint8Array>(slotsPerWindow).fill(noSlot));
    this.#sums = byCounter(() => ({ whole: noSums, half: noSums, now: noSums }));
  }

  /** Streams have numbers below this; some of them are free. */
  get size(): number {
    return this.#size;
  }

  /** A free number for a new stream. */
  allocate(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#size === this.#capacity) this.#grow();
    return this.#size++;
  }

  /** Forgets a stream, whose number may be used again. */
  release(stream: number): void {
    for (const counter of counters) {
      const sums = this.#sums[counter];
      if (sums.whole[stream] === 0) continue;
      this.#totals[counter] -= sums.whole[stream]!;
      for (const slot of this.#slots[counter]) slot[stream] = 0;
      for (const horizon of horizonNames) sums[horizon][stream] = 0;
    }
    this.#free.push(stream);
  }

  /** Adds to the current slot. A count above 255 in one slot is cut. */
  add(stream: number, counts: Readonly<Counts>): void {
    for (const counter of counters) {
      const count = counts[counter];
      if (count === 0) continue;
      const slot = this.#slots[counter][this.#slot % slotsPerWindow]!;
      const added = Math.min(count, 255 - slot[stream]!);
      slot[stream]! += added;
      this.#totals[counter] += added;
      const sums = this.#sums[counter];
      for (const horizon of horizonNames) sums[horizon][stream]! += added;
    }
  }

  /** Moves the window to this time, in monotonic milliseconds. @returns whether it has moved */
  advance(now: number): boolean {
    const last = Math.floor(now / this.slotMs);
    if (last <= this.#slot) return false;
    if (last - this.#slot >= slotsPerWindow) this.#clear(last);
    else while (this.#slot < last) this.#step();
    return true;
  }

  /** Sums by stream. */
  sums(counter: Counter, horizon: HorizonName): Uint16Array {
    return this.#sums[counter][horizon];
  }

  /** Whether anything of this kind is in the window. */
  has(counter: Counter): boolean {
    return this.#totals[counter] > 0;
  }

  /** Counts of one slot, by stream. @param age 0 for the current one */
  slot(counter: Counter, age: number): Uint8Array {
    return this.#slots[counter][(this.#slot - age + slotsPerWindow) % slotsPerWindow]!;
  }

  #step(): void {
    this.#slot++;
    for (const counter of counters) {
      if (!this.has(counter)) continue;
      const slots = this.#slots[counter];
      for (const horizon of horizonNames) {
        const leaving = slots[(this.#slot - this.#lengths[horizon] + slotsPerWindow) % slotsPerWindow]!;
        subtract(this.#sums[counter][horizon], leaving, this.#size);
      }
      const oldest = slots[this.#slot % slotsPerWindow]!;
      this.#totals[counter] -= sumOf(oldest, this.#size);
      oldest.fill(0, 0, this.#size);
    }
  }

  /** Everything has left the window. */
  #clear(slot: number): void {
    this.#slot = slot;
    for (const counter of counters) {
      this.#totals[counter] = 0;
      for (const counts of this.#slots[counter]) counts.fill(0);
      for (const horizon of horizonNames) this.#sums[counter][horizon].fill(0);
    }
  }

  #grow(): void {
    this.#capacity = nextCapacity(this.#capacity);
    this.#replace((counts, grown) => grown.set(counts));
  }

  /**
   * Gives memory back if most numbers are free, and then renumbers the streams. Not to be called during a judgement.
   * @returns the former numbers in the order of the new ones; undefined: the numbers are the same
   */
  compact(): Int32Array | undefined {
    const used = this.#size - this.#free.length;
    if (used === this.#capacity || used >= leastUsedShare * this.#capacity) return undefined;
    let capacity = 0;
    while (capacity < used) capacity = nextCapacity(capacity);
    if (capacity === this.#capacity) return undefined;
    const isFree = new Uint8Array(this.#size);
    for (const stream of this.#free) isFree[stream] = 1;
    const kept = new Int32Array(used);
    for (let stream = 0, next = 0; stream < this.#size; stream++) if (isFree[stream] === 0) kept[next++] = stream;
    this.#capacity = capacity;
    this.#replace((counts, compacted) => {
      for (let stream = 0; stream < used; stream++) compacted[stream] = counts[kept[stream]!]!;
    });
    this.#size = used;
    this.#free = [];
    return kept;
  }

  /** Replaces all arrays by those of the present capacity. */
  #replace(copy: (from: Uint8Array | Uint16Array, to: Uint8Array | Uint16Array) => void): void {
    for (const counter of counters) {
      // Of most counters there is nothing in the window.
      const isEmpty = !this.has(counter);
      const slots = this.#slots[counter];
      for (const [number, slot] of slots.entries()) {
        slots[number] = new Uint8Array(this.#capacity);
        if (!isEmpty) copy(slot, slots[number]);
      }
      const sums = this.#sums[counter];
      for (const horizon of horizonNames) {
        const former = sums[horizon];
        sums[horizon] = new Uint16Array(this.#capacity);
        if (!isEmpty) copy(former, sums[horizon]);
      }
    }
  }
}

function nextCapacity(capacity: number): number {
  return Math.max(firstCapacity, Math.ceil(capacity * (capacity < largeCapacity ? 2 : 1.25)));
}

function subtract(sums: Uint16Array, leaving: Uint8Array, size: number): void {
  for (let stream = 0; stream < size; stream++) sums[stream]! -= leaving[stream]!;
}

function sumOf(slot: Uint8Array, size: number): number {
  let sum = 0;
  for (let stream = 0; stream < size; stream++) sum += slot[stream]!;
  return sum;
}

function byCounter<T>(make: () => T): Record<Counter, T> {
  return {
    attempts: make(),
    failed: make(),
    answered: make(),
    refused: make(),
    retransmitted: make(),
    slow: make(),
  };
}
