import { backoffDelay, doubledDelay } from '../../base/backoff.ts';
import type { SyncError } from './sync-error.ts';

/** Over how long agents spread that all lost the operator at once, in milliseconds. */
export const spreadMs = 2000;

/** Between tries that fail, in milliseconds: doubled from the shortest to the longest, each drawn from the upper half. */
export const shortestMs = 100;
export const longestMs = 5000;

/** The longest that a server's word is taken for, in milliseconds. */
const longestRetryAfterMs = 60_000;

/** So many times in a row an operator may be there and unable to answer, as at a change of the leader, before it is left alone for longer. */
const transitions = 5;

/** From the start of a request to that of the next at least, in milliseconds, also when there is news all the time. */
const newsMs = 100;

/** An answer that brings nothing new is held back by an operator that works, for longer than this, in milliseconds. */
const heldMs = 1000;

/** When the operator is asked next. */
export class RetryPolicy {
  readonly #random: () => number;
  #failures = 0;
  /** Of them the last ones that an operator answered who could not say more. */
  #unavailable = 0;
  #hasty = 0;

  /** @param random from 0 to below 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * An answer came.
   * @param news whether it brought anything new
   * @param tookMs how long after its request
   * @returns in how many milliseconds the next request is due
   */
  answered(news: boolean, tookMs: number): number {
    this.#failures = this.#unavailable = 0;
    this.#hasty = news || tookMs >= heldMs ? 0 : this.#hasty + 1;
    // Such as an operator that offers what is older than what is held: asking at once would bring the same again.
    if (this.#hasty > 0) return this.#backoff(this.#hasty);
    return Math.max(0, newsMs - tookMs);
  }

  /** A request came to nothing. @returns in how many milliseconds the next one is due */
  failed({ code, retryAfterMs }: Pick<SyncError, 'code' | 'retryAfterMs'>): number {
    this.#failures++;
    this.#unavailable = code === 'unavailable' ? this.#unavailable + 1 : 0;
    if (this.#failures === 1 && retryAfterMs === undefined) return this.#random() * spreadMs;
    const own = this.#backoff(Math.max(1, this.#failures - 1));
    if (retryAfterMs === undefined) return own;
    // A leader that stops, or a standby: the next one is there soon, so this one's word is a wish. If it is not, as while nobody knows
    // the API server's keys, a thousand agents must not go on making as many handshakes a second.
    if (code === 'unavailable') {
      const soonMs = Math.max(spreadMs, Math.min(retryAfterMs, longestMs));
      const limits = { baseMs: soonMs, maxMs: longestRetryAfterMs };
      return this.#random() * doubledDelay(this.#unavailable - transitions + 1, limits);
    }
    return Math.max(own, Math.min(retryAfterMs, longestRetryAfterMs) * (1 + this.#random()));
  }

  #backoff(times: number): number {
    return backoffDelay(times, { baseMs: shortestMs, maxMs: longestMs }, this.#random);
  }
}
