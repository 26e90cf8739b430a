import { monotonicNs, systemClock } from '../../base/clock.ts';
import type { Kernel } from './kernel.ts';

/** A reading of CLOCK_REALTIME, between two readings of the monotonic clock. All in nanoseconds. */
export interface ClockReading {
  realtime: bigint;
  before: bigint;
  after: bigint;
  /** Resolution of `realtime`. */
  resolution: bigint;
}

const nanosecondsPerMillisecond = 1_000_000n;

/** Maximum difference between the clocks if neither was set. */
const toleranceNs = 10_000n;

/** Reads both clocks. Without the kernel, CLOCK_REALTIME has a resolution of one millisecond. */
export function readClocks(kernel: Pick<Kernel, 'now'> | undefined): ClockReading {
  const before = monotonicNs();
  const realtime = kernel ? kernel.now() : BigInt(systemClock.wall()) * nanosecondsPerMillisecond;
  const after = monotonicNs();
  return { realtime, before, after, resolution: kernel ? 1n : nanosecondsPerMillisecond };
}

/**
 * Whether CLOCK_REALTIME was set between two readings: it advanced differently from the monotonic clock. Slewing
 * changes both clocks alike (adjtimex(2)). A stall within a reading widens the tolerance.
 */
export function wasSet(from: ClockReading, to: ClockReading): boolean {
  const went = to.realtime - from.realtime;
  const tolerance = toleranceNs + to.resolution;
  return went < to.before - from.after - tolerance || went > to.after - from.before + tolerance;
}
