/** A bucket of a sketch and how many latencies are in it. */
export type SketchEntry = [index: number, count: number];

/** How much wider each bucket's end is than the one before. */
const gamma = 1.1;

/** The end of bucket 0, in seconds. */
const smallest = 1e-6;

/** The last bucket: it holds everything from 3.3e4 s. */
export const maxSketchIndex = 255;

/** How far `sketchValue` is from any latency of its bucket at most, as a share of that latency. */
export const sketchAccuracy = (gamma - 1) / (gamma + 1);

/** The bucket of a latency: 0 up to a microsecond, bucket i above 1.1^(i−1) µs and up to 1.1^i µs. */
export function sketchIndex(seconds: number): number {
  if (!(seconds > smallest)) return 0;
  return Math.min(maxSketchIndex, Math.ceil(Math.log(seconds / smallest) / Math.log(gamma)));
}

/** The middle of a bucket, in seconds: as far, in relation, from its lower end as from its upper. */
export function sketchValue(index: number): number {
  return (smallest * 2 * gamma ** index) / (gamma + 1);
}

/**
 * Latencies in logarithmic buckets, from which quantiles are known to within `sketchAccuracy`, and which are merged by adding counts.
 * Source: Masson, Rim, Lee, "DDSketch", VLDB 2019, §2.1–2.2, with a fixed range of buckets.
 */
export class LatencySketch {
  readonly #counts = new Map<number, number>();
  #count = 0;

  /** How many latencies are in it. */
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

  /** @returns the buckets that hold something, ascending by index */
  entries(): SketchEntry[] {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }

  /**
   * The latency below or at which a share of all is, by nearest rank.
   * @param q from 0 (the fastest) to 1 (the slowest)
   * @returns seconds; undefined where there are no latencies
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
