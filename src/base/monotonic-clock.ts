/** Time as everything in the agent sees it, so that tests can hold it in their hands. */
export interface Clock {
  /** Milliseconds on a clock that never steps. */
  now(): number;
  /**
   * Calls `run` once, `delayMs` milliseconds from now or later.
   * @returns cancels it; harmless afterwards
   */
  after(delayMs: number, run: () => void): () => void;
}

/** The machine's monotonic clock and Node's timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};
