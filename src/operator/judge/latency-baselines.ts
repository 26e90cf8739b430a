import { maxSketchIndex, type SketchEntry, sketchIndex, sketchValue } from '../../protocol/latency-sketch.ts';

/** When a latency may be slow. Seconds. */
export interface SlowLimits {
  /** Threshold of the spec. */
  threshold: number;
  /** Faster than this is never slow, however fast others are. */
  least: number;
}

/** Limits of round trips, for a threshold in seconds. */
export function networkLimits(threshold: number): SlowLimits {
  return { threshold, least: 1e-3 };
}

/**
 * Limits of lookups, for a threshold in seconds. Answers from a server's cache and those that it has to fetch are tens
 * of medians apart, and both are normal.
 */
export function lookupLimits(threshold: number): SlowLimits {
  return { threshold, least: Math.max(1e-3, threshold / 10) };
}

/** Faster than this many medians is not slow, unless it is above the threshold of the spec. */
const manyMedians = 10;

/** Slower than the threshold of the spec counts only above this many medians: regions may be far apart. */
const someMedians = 2;

/** Without so many latencies there is no median. */
const minCount = 20;

/** Medians of so many periods are remembered: after that a lasting change is normal. */
const remembered = 16;

/** Maximum number of groups. Further ones share one. */
const maxGroups = 1000;

/** Latencies of a pair of zones, or of a DNS server. */
interface Group {
  /** Of the current period, by bucket of the sketch. */
  counts: Uint32Array;
  /** Of past periods, in seconds, the oldest one first. */
  medians: number[];
  /** The first bucket that is slow. */
  slowFrom: number;
  /** Number of streams that belong to it. */
  streams: number;
  /** Number of periods since it had streams. */
  idlePeriods: number;
}

/**
 * What is slow: above ten times the median of the pair of zones or of the DNS server, or above the threshold of the
 * spec and twice that median; never below a least latency. The median is the lowest of several periods, so that what
 * has become slow is not taken for normal at once.
 */
export class LatencyBaselines {
  readonly #groups = new Map<string, Group>();

  /** Number of groups. */
  get size(): number {
    return this.#groups.size;
  }

  /**
   * The group of this name for one more stream, which is to be released.
   */
  use(name: string, limits: SlowLimits): Group {
    const key = this.#groups.has(name) || this.#groups.size < maxGroups ? name : '';
    let group = this.#groups.get(key);
    if (!group) {
      group = {
        ...{ counts: new Uint32Array(maxSketchIndex + 1), medians: [], slowFrom: slowFromOf(undefined, limits) },
        ...{ streams: 0, idlePeriods: 0 },
      };
      this.#groups.set(key, group);
    }
    group.streams++;
    group.idlePeriods = 0;
    return group;
  }

  /** A stream of this group has ended. The group is remembered for as long as its medians. */
  release(group: Group): void {
    group.streams--;
  }

  /** Computes the medians anew. @param isOver whether a new period begins */
  update(limits: (name: string) => SlowLimits, isOver: boolean): void {
    for (const [name, group] of this.#groups) {
      const { counts, medians } = group;
      if (medians.length === 0 || isOver) {
        const current = medianOf(counts);
        group.slowFrom = slowFromOf(lowest(medians, current), limits(name));
        if (isOver && current !== undefined) medians.push(current);
      }
      if (!isOver) continue;
      counts.fill(0);
      if (medians.length > remembered) medians.shift();
      // The pods of DNS servers have other addresses after each rollout.
      if (group.streams === 0 && ++group.idlePeriods > remembered) this.#groups.delete(name);
    }
  }
}

function lowest(medians: readonly number[], current: number | undefined): number | undefined {
  const all = current === undefined ? medians : [...medians, current];
  return all.length === 0 ? undefined : Math.min(...all);
}

export type LatencyGroup = Group;

/** Adds latencies to a group. */
export function addLatencies({ counts }: Group, latencies: readonly Readonly<SketchEntry>[]): void {
  for (const [index, count] of latencies) counts[index]! += count;
}

function slowFromOf(median: number | undefined, { threshold, least }: SlowLimits): number {
  const limit =
    median === undefined ? threshold : Math.min(manyMedians * median, Math.max(threshold, someMedians * median));
  return sketchIndex(Math.max(least, limit)) + 1;
}

function medianOf(counts: Uint32Array): number | undefined {
  let total = 0;
  for (const count of counts) total += count;
  if (total < minCount) return undefined;
  let left = total / 2;
  for (let index = 0; index < counts.length; index++) {
    left -= counts[index]!;
    if (left <= 0) return sketchValue(index);
  }
  return undefined;
}
