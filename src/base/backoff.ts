export interface BackoffLimits {
  /** The first delay, in milliseconds. */
  baseMs: number;
  /** The longest delay, in milliseconds. */
  maxMs: number;
}

/** Delay of the `times`-th retry in a row: doubles up to the maximum. @returns milliseconds */
export function doubledDelay(times: number, { baseMs, maxMs }: BackoffLimits): number {
  return Math.min(maxMs, baseMs * 2 ** Math.max(0, times - 1));
}

/**
 * Delay after `failures` failures in a row: doubles up to the maximum, with jitter in the upper half, so that many
 * clients of a server do not retry in step.
 * @param random uniform in [0, 1)
 * @returns milliseconds
 */
export function backoffDelay(failures: number, limits: BackoffLimits, random: () => number): number {
  const full = doubledDelay(failures, limits);
  return full / 2 + (full / 2) * random();
}
