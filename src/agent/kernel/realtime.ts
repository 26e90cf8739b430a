import { monotonicNs, systemClock } from '../../base/clock.ts';
import type { Kernel } from './kernel.ts';

/** One look at CLOCK_REALTIME, with the monotonic clock before and after it; all in nanoseconds. */
export interface ClockReading {
  realtime: bigint;
  before: bigint;
  after: bigint;
  /** The steps in which `realtime` is told. */
  resolution: bigint;
}

const nanosecondsPerMillisecond = 1_000_000n;

/** What the two clocks may differ by without one of them having been set. */
const toleranceNs = 10_000n;

/** Reads both clocks; without the kernel's help CLOCK_REALTIME is known in whole milliseconds only. */
export function readClocks(kernel: Pick<Kernel, 'now'> | undefined): ClockReading {
  const before = monotonicNs();
  const realtime = kernel ? kernel.now() : BigInt(systemClock.wall()) * nanosecondsPerMillisecond;
  const after = monotonicNs();
  return { realtime, before, after, resolution: kernel ? 1n : nanosecondsPerMillisecond };
}

/**
 * Whether CLOCK_REALTIME was set between two readings: then it went on by another time than the monotonic clock. A clock that is only
 * slewed moves both alike (adjtimex(2)), and a process held up between the two looks of a reading widens what is allowed.
 */
export function wasSet(from: ClockReading, to: ClockReading): boolean {
  const went = to.realtime - from.realtime;
  const tolerance = toleranceNs + to.resolution;
  return went < to.before - from.after - tolerance || went > to.after - from.before + tolerance;
}
