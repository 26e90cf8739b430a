import type { Clock } from './clock.ts';

export interface Rate {
  /** How many a second in the long run. */
  perSecond: number;
  /** How many at once after a rest. */
  burst: number;
}

/**
 * Limits how often something is done: at a rate in the long run, and up to a burst at once after a rest. Like Go's x/time/rate it
 * either refuses what exceeds the limit (`allow`) or says how long it has to wait (`reserve`).
 */
export class TokenBucket {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #tokenMs: number;
  readonly #burst: number;
  /** The tokens, as the time in which they are filled in: whole milliseconds add up without loss. Below zero: reserved ahead. */
  #levelMs: number;
  #filledAt: number;

  constructor({ perSecond, burst }: Rate, clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#tokenMs = 1000 / perSecond;
    this.#burst = burst;
    this.#levelMs = burst * this.#tokenMs;
    this.#filledAt = clock.monotonic();
  }

  /** Takes a token if there is one. @returns whether it may be done now */
  allow(): boolean {
    this.#fill();
    if (this.#levelMs < this.#tokenMs) return false;
    this.#levelMs -= this.#tokenMs;
    return true;
  }

  /** Takes a token that may have to be filled in first, in the order of the calls. @returns the milliseconds to wait for it */
  reserve(): number {
    this.#fill();
    this.#levelMs -= this.#tokenMs;
    return Math.max(0, -this.#levelMs);
  }

  /** Returns a token that was not used. */
  giveBack(): void {
    this.#add(this.#tokenMs);
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    this.#add(now - this.#filledAt);
    this.#filledAt = now;
  }

  #add(ms: number): void {
    this.#levelMs = Math.min(this.#burst * this.#tokenMs, this.#levelMs + ms);
  }
}
