import type { Clock } from './clock.ts';

export interface Rate {
  /** Sustained rate. */
  perSecond: number;
  /** Maximum number at once. */
  burst: number;
}

/**
 * Rate limiter with bursts. Like Go's x/time/rate, it either rejects what exceeds the limit (`allow`) or returns the
 * time to wait (`reserve`).
 */
export class TokenBucket {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #tokenMs: number;
  readonly #burst: number;
  /**
   * The tokens in units of the time that refilling them takes, which adds up without rounding. Negative: reserved in
   * advance.
   */
  #levelMs: number;
  #filledAt: number;

  constructor({ perSecond, burst }: Rate, clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#tokenMs = 1000 / perSecond;
    this.#burst = burst;
    this.#levelMs = burst * this.#tokenMs;
    this.#filledAt = clock.monotonic();
  }

  /**
   * Takes a token if there is one.
   * @param keep leaves so many tokens for others
   * @param now by the monotonic clock, for callers that have read it already
   * @returns whether there was one
   */
  allow(keep = 0, now = this.#clock.monotonic()): boolean {
    this.#fill(now);
    if (this.#levelMs < (keep + 1) * this.#tokenMs) return false;
    this.#levelMs -= this.#tokenMs;
    return true;
  }

  /** How many tokens of the burst were missing after the last call. */
  get used(): number {
    return this.#burst - this.#levelMs / this.#tokenMs;
  }

  /**
   * Takes a token, in advance if there is none; callers are served in order. @returns the time to wait, in milliseconds
   */
  reserve(): number {
    this.#fill(this.#clock.monotonic());
    this.#levelMs -= this.#tokenMs;
    return Math.max(0, -this.#levelMs);
  }

  /** Returns a token that was not used. */
  giveBack(): void {
    this.#add(this.#tokenMs);
  }

  #fill(now: number): void {
    this.#add(now - this.#filledAt);
    this.#filledAt = now;
  }

  #add(ms: number): void {
    this.#levelMs = Math.min(this.#burst * this.#tokenMs, this.#levelMs + ms);
  }
}
