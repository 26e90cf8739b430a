import type { Clock } from '../../base/clock.ts';

/** Requests must have been failing for this long before it counts as an outage, in milliseconds. */
const outageMs = 10_000;

/** A failure that is older says nothing about the present, in milliseconds. */
const recentMs = 60_000;

/** Tracks whether the API server answers requests, whatever the answer. */
export class RequestHealth {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** The failures since the last answer. */
  #failures: { since: number; last: number; message: string } | undefined;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  answered(): void {
    this.#failures = undefined;
  }

  /** A request had no answer. @param message why */
  unanswered(message: string): void {
    const now = this.#clock.monotonic();
    const known = this.#failures && now - this.#failures.last < recentMs ? this.#failures : undefined;
    this.#failures = { since: known?.since ?? now, last: now, message };
  }

  /** Why no request gets through; undefined while some do, or while there are none. */
  get obstacle(): string | undefined {
    if (!this.#failures) return undefined;
    const { since, last, message } = this.#failures;
    const now = this.#clock.monotonic();
    if (now - since < outageMs || now - last >= recentMs) return undefined;
    return `no request to the API server has been answered for ${Math.floor((now - since) / 1000)} seconds: ${message}`;
  }
}
