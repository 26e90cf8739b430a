/** Where time comes from, so that tests can hold it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since some moment. Nobody sets this clock: it only goes forward, at one pace, whatever happens to `now`. */
  monotonic(): number;
  /** Calls back once after `ms` milliseconds; the returned function takes that back. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Resolves after `ms` milliseconds, or at once when the signal is aborted. It never rejects: the caller looks at the signal.
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
