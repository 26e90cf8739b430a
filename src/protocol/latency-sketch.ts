/** A bucket and its number of latencies. */
export type SketchEntry = [index: number, count: number];

/** Ratio of the upper bounds of two adjacent buckets. */
const gamma = 1.1;
const logGamma = Math.log(gamma);

/** Upper bound of bucket 0, in seconds. */
const smallest = 1e-6;

/** Index of the last bucket, which contains everything above 3.3e4 s. */
export const maxSketchIndex = 255;

/** Maximum relative error of `sketchValue` for a latency of the bucket. */
export const sketchAccuracy = (gamma - 1) / (gamma + 1);

/** Bucket of a latency: 0 up to 1 µs; bucket i above 1.1^(i−1) µs up to 1.1^i µs. */
export function sketchIndex(seconds: number): number {
  if (!(seconds > smallest)) return 0;
  return Math.min(maxSketchIndex, Math.ceil(Math.log(seconds / smallest) / logGamma));
}

/** Middle of a bucket, in seconds: its relative distance from both bounds is equal. */
export function sketchValue(index: number): number {
  return (smallest * 2 * gamma ** index) / (gamma + 1);
}

/**
 * Limits the number of buckets: the lowest ones are merged into the lowest one that is kept, because high quantiles
 * matter most ("DDSketch", §2.2).
 * @param entries by ascending index
 */
export function withoutLowest(entries: SketchEntry[], maxEntries: number): SketchEntry[] {
  const merged = entries.length - maxEntries;
  if (merged <= 0) return entries;
  const [lowest, ...others] = entries.slice(merged);
  const below = entries.slice(0, merged).reduce((total, [, count]) => total + count, 0);
  return [[lowest![0], lowest![1] + below], ...others];
}

/**
 * Counts latencies in logarithmic buckets. Quantiles have a relative error of at most `sketchAccuracy`; sketches are
 * merged by adding counts.
 * Source: Masson, Rim, Lee, "DDSketch", VLDB 2019, §2.1–2.2, with a fixed range of buckets.
 */
export class LatencySketch {
  readonly #counts = new Map<number, number>();
  #count = 0;

  /** Number of latencies. */
  get count(): number {
    return this.#count;
  }

  /** @param seconds of one attempt, or of `count` of them */
  add(seconds: number, count = 1): void {
    this.#increase(sketchIndex(seconds), count);
  }

  merge(entries: Iterable<Readonly<SketchEntry>>): void {
    for (const [index, count] of entries) this.#increase(index, count);
  }

  /** @returns the buckets that are not empty, by ascending index */
  entries(): SketchEntry[] {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }

  /**
   * Quantile by nearest rank.
   * @param q from 0 (the fastest) to 1 (the slowest)
   * @returns seconds; undefined without latencies
   */
  quantile(q: number): number | undefined {
    let left = Math.max(1, Math.ceil(q * this.#count));
    for (const [index, count] of this.entries()) {
      left -= count;
      if (left <= 0) return sketchValue(index);
    }
    return undefined;
  }

  #increase(index: number, count: number): void {
    this.#counts.set(index, (this.#counts.get(index) ?? 0) + count);
    this.#count += count;
  }
}
