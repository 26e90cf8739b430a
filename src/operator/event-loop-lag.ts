import { systemClock } from '../base/clock.ts';
import { RecentMaximum } from '../metrics/recent-maximum.ts';

/** How often the event loop is sampled, in milliseconds: a delay shorter than this may be missed. */
const intervalMs = 50;

/**
 * Measures how late the event loop runs a timer, from its creation on. It does not keep the process alive.
 * `monitorEventLoopDelay` of Node is no help: its `reset()` also drops the delay that lasts at that moment.
 */
export class EventLoopLag {
  readonly #recent = new RecentMaximum();
  #sampledAt = systemClock.monotonic();

  constructor() {
    setInterval(() => this.#sample(), intervalMs).unref();
  }

  /** Returns the longest delay within the last one to two minutes in seconds. */
  seconds(): number {
    this.#record();
    return this.#recent.at(systemClock.monotonic());
  }

  #sample(): void {
    this.#record();
    this.#sampledAt = systemClock.monotonic();
  }

  /** Records how late the next sample is, whether or not it has been taken. */
  #record(): void {
    const now = systemClock.monotonic();
    this.#recent.record(Math.max(0, now - this.#sampledAt - intervalMs) / 1000, now);
  }
}
