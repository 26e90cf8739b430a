export interface BackoffLimits {
  /** The first delay, in milliseconds. */
  baseMs: number;
  /** The longest delay, in milliseconds. */
  maxMs: number;
}

/**
 * The delay before the attempt that follows `failures` failures in a row: doubling, capped, and with the upper half left to
 * chance, so that many clients of one server do not come back in step.
 * @param random uniform in [0, 1)
 * @returns milliseconds
 */
export function backoffDelay(failures: number, { baseMs, maxMs }: BackoffLimits, random: () => number): number {
  const full = Math.min(maxMs, baseMs * 2 ** Math.max(0, failures - 1));
  return full / 2 + (full / 2) * random();
}
