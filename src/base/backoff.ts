export interface BackoffLimits {
  /** The first delay, in milliseconds. */
  baseMs: number;
  /** The longest delay, in milliseconds. */
  maxMs: number;
}

/** The delay that belongs to the `times`-th time in a row: doubling, capped. @returns milliseconds */
export function doubledDelay(times: number, { baseMs, maxMs }: BackoffLimits): number {
  return Math.min(maxMs, baseMs * 2 ** Math.max(0, times - 1));
}

/**
 * The delay before the attempt that follows `failures` failures in a row: doubling, capped, and with the upper half left to
 * chance, so that many clients of one server do not come back in step.
 * @param random uniform in [0, 1)
 * @returns milliseconds
 */
export function backoffDelay(failures: number, limits: BackoffLimits, random: () => number): number {
  const full = doubledDelay(failures, limits);
  return full / 2 + (full / 2) * random();
}
