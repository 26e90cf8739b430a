import type { Clock } from './clock.ts';

export interface Rate {
  /** How many a second in the long run. */
  perSecond: number;
  /** How many at once after a rest. */
  burst: number;
}

/**
 * A limit on how often something is done. Whoever asks gets a token that becomes theirs some time later, in the order of
 * asking, so that nobody starves (as in Go's x/time/rate).
 */
export class TokenBucket {
  readonly #rate: Rate;
  readonly #clock: Clock;
  /** Below zero: so many have been promised ahead of time. */
  #tokens: number;
  #filledAt: number;

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#filledAt = clock.monotonic();
  }

  /** Takes a token. @returns the milliseconds to wait before it may be used */
  take(): number {
    this.#fill();
    this.#tokens--;
    return Math.max(0, (-this.#tokens * 1000) / this.#rate.perSecond);
  }

  /** Gives back a token that was not used after all. */
  giveBack(): void {
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + 1);
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    const seconds = (now - this.#filledAt) / 1000;
    this.#filledAt = now;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + seconds * this.#rate.perSecond);
  }
}
