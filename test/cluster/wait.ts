import { setTimeout as sleep } from 'node:timers/promises';

/** A condition that did not come true in its time. */
export class TimeoutError extends Error {
  readonly code = 'CLUSTER_TIMEOUT';

  constructor(what: string, milliseconds: number, cause: unknown) {
    const reason = cause instanceof Error ? `: ${cause.message}` : '';
    super(`${what} did not come true within ${milliseconds / 1000} s${reason}`, { cause });
    this.name = 'TimeoutError';
  }
}

/** A try takes the processor from what it waits for: the pause after it is this many times as long, up to a second. */
const pauseRatio = 3;
const longestPauseMs = 1000;

export interface WaitOptions {
  /** Milliseconds. */
  timeout: number;
  /** Milliseconds between two tries; 100 unless told. Longer where a try itself takes long. */
  interval?: number;
  signal?: AbortSignal | undefined;
}

/**
 * Tries `probe` until it returns something other than false or undefined. An error counts as "not yet" and is the
 * cause of the TimeoutError if it was the last result.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  { timeout, interval = 100, signal }: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + timeout;
  let cause: unknown;
  for (;;) {
    signal?.throwIfAborted();
    const began = performance.now();
    try {
      const result = await probe();
      if (result !== undefined && result !== false) return result;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    const now = performance.now();
    if (now > deadline) throw new TimeoutError(what, timeout, cause);
    await sleep(Math.max(interval, Math.min((now - began) * pauseRatio, longestPauseMs)));
  }
}
