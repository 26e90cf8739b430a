/** Where time comes from, so that tests can set it. */
export interface Clock {
  /**
   * Time of day in milliseconds since the epoch. It can be set, forward and back: never subtract two readings of it.
   */
  wall(): number;
  /** Milliseconds since an arbitrary moment. Never steps, even if `wall` is set: use it for durations and deadlines. */
  monotonic(): number;
  /**
   * Calls back once, after `ms` milliseconds or later.
   * @returns cancels the call; harmless afterwards
   */
  after(ms: number, callback: () => void): () => void;
}

/** The machine's clocks and Node's timers. */
export const systemClock: Clock = {
  wall: Date.now,
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** When this process started, in milliseconds since the epoch by the wall clock of that moment. */
export const processStartMs = performance.timeOrigin;

/** The monotonic clock in nanoseconds, for what the kernel's time stamps are compared with. */
export const monotonicNs: () => bigint = process.hrtime.bigint;

/** Seconds since `startedAt`, a reading of `monotonicNs`. */
export function secondsSince(startedAt: bigint): number {
  return Number(monotonicNs() - startedAt) / 1e9;
}

/**
 * Resolves after `ms` milliseconds, or immediately if the signal is aborted. Never rejects: the caller checks the
 * signal.
 * @param ms undefined: only when the signal is aborted
 */
export function pause(clock: Clock, ms: number | undefined, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = ms === undefined ? () => {} : clock.after(ms, end);
    signal.addEventListener('abort', end, { once: true });
  });
}
