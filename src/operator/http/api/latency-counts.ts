import { maxSketchIndex, type SketchEntry, sketchValue } from '../../../protocol/latency-sketch.ts';

/** Digits of a latency: sketches are not more accurate. */
const digits = 3;

/** Latencies of an answer, in seconds; left out where there are none. */
export interface Latencies {
  p50?: number;
  p99?: number;
}

/** Latencies of many targets, by bucket of the sketch: adding is cheap, and 1 KiB is all that it takes. */
export class LatencyCounts {
  readonly #counts = new Uint32Array(maxSketchIndex + 1);
  #total = 0;
  /** Bounds of the buckets that are not empty. */
  #lowest = maxSketchIndex;
  #highest = 0;

  add(entries: readonly Readonly<SketchEntry>[]): void {
    for (const [index, count] of entries) {
      this.#counts[index]! += count;
      this.#total += count;
      if (index < this.#lowest) this.#lowest = index;
      if (index > this.#highest) this.#highest = index;
    }
  }

  clear(): void {
    if (this.#total > 0) this.#counts.fill(0, this.#lowest, this.#highest + 1);
    this.#total = 0;
    this.#lowest = maxSketchIndex;
    this.#highest = 0;
  }

  /** Quantile by nearest rank, in seconds; not a number without latencies. */
  quantile(quantile: number): number {
    if (this.#total === 0) return Number.NaN;
    let left = Math.max(1, Math.ceil(quantile * this.#total));
    let index = this.#lowest;
    while (index < this.#highest) {
      left -= this.#counts[index]!;
      if (left <= 0) break;
      index++;
    }
    return sketchValue(index);
  }

  /** As an answer has them. */
  get latencies(): Latencies {
    return latenciesOf(this.quantile(0.5), this.quantile(0.99));
  }
}

/** Latencies as an answer has them. @param p50 in seconds; undefined or not a number: there is none */
export function latenciesOf(p50: number | undefined, p99: number | undefined): Latencies {
  return {
    ...(Number.isFinite(p50) && { p50: Number(p50!.toPrecision(digits)) }),
    ...(Number.isFinite(p99) && { p99: Number(p99!.toPrecision(digits)) }),
  };
}
