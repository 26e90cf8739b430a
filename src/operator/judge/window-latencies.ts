import { maxSketchIndex, type SketchEntry, sketchValue } from '../../protocol/latency-sketch.ts';

/** The window moves by this fraction of its length. */
const slots = 24;

const buckets = maxSketchIndex + 1;

/** Latencies of many targets within a window, by bucket of the sketch: 24 KiB, whatever their number, if any. */
export class WindowLatencies {
  readonly #slotMs: number;
  /** Empty before the first latency. */
  #counts = new Uint32Array(0);
  #slot: number;

  constructor(windowMs: number, now: number) {
    this.#slotMs = windowMs / slots;
    this.#slot = Math.floor(now / this.#slotMs);
  }

  /** Adds to the current slot. */
  add(latencies: readonly Readonly<SketchEntry>[]): void {
    if (this.#counts.length === 0) this.#counts = new Uint32Array(slots * buckets);
    const start = (this.#slot % slots) * buckets;
    for (const [index, count] of latencies) this.#counts[start + index]! += count;
  }

  /** Moves the window to this time, in monotonic milliseconds. */
  advance(now: number): void {
    const last = Math.floor(now / this.#slotMs);
    for (let left = Math.min(slots, last - this.#slot); left > 0; left--) {
      const start = ((last - left + 1) % slots) * buckets;
      this.#counts.fill(0, start, start + buckets);
    }
    this.#slot = Math.max(this.#slot, last);
  }

  /** Quantiles by nearest rank, from 0 to 1. @returns seconds; undefined without latencies */
  quantiles<const Q extends readonly number[]>(quantiles: Q): { [index in keyof Q]: number | undefined } {
    const sums = new Array<number>(buckets).fill(0);
    let total = 0;
    for (const [at, count] of this.#counts.entries()) {
      sums[at % buckets]! += count;
      total += count;
    }
    const values = quantiles.map((quantile) => {
      const index = indexOf(sums, Math.max(1, Math.ceil(quantile * total)));
      return index < 0 ? undefined : sketchValue(index);
    });
    return values as { [index in keyof Q]: number | undefined };
  }
}

/** The bucket of the latency of this rank; −1 if there are fewer. */
function indexOf(sums: readonly number[], rank: number): number {
  let left = rank;
  return sums.findIndex((count) => {
    left -= count;
    return left <= 0;
  });
}
