import { backoffDelay, doubledDelay } from '../../base/backoff.ts';
import type { SyncError } from './sync-error.ts';

/** Time over which agents that lost the operator at the same moment spread their first retries, in milliseconds. */
export const spreadMs = 2000;

/**
 * Shortest and longest delay between failed attempts, in milliseconds. The delay doubles, with jitter in the upper
 * half.
 */
export const shortestMs = 100;
export const longestMs = 5000;

/** Upper bound on an honoured Retry-After, in milliseconds. */
const longestRetryAfterMs = 60_000;

/** Number of consecutive 503 responses (expected during a leader change) before the retry delay starts to grow. */
const transitions = 5;

/** Minimum time between the starts of two requests, in milliseconds, even if there is news all the time. */
const newsMs = 100;

/** A working operator holds a request without news for longer than this, in milliseconds. */
const heldMs = 1000;

/** Decides when to send the next sync request. */
export class RetryPolicy {
  readonly #random: () => number;
  #failures = 0;
  /** Number of consecutive 503 responses among them. */
  #unavailable = 0;
  #hasty = 0;

  /** @param random uniform in [0, 1) */
  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * Handles a response.
   * @param news whether it contained anything new
   * @param tookMs time since the request
   * @returns the delay until the next request, in milliseconds
   */
  answered(news: boolean, tookMs: number): number {
    this.#failures = this.#unavailable = 0;
    this.#hasty = news || tookMs >= heldMs ? 0 : this.#hasty + 1;
    // For example an operator that offers documents older than the current ones: an immediate request would return the
    // same again.
    if (this.#hasty > 0) return this.#backoff(this.#hasty);
    return Math.max(0, newsMs - tookMs);
  }

  /** Handles a failed request. @returns the delay until the next one, in milliseconds */
  failed({ code, retryAfterMs }: Pick<SyncError, 'code' | 'retryAfterMs'>): number {
    this.#failures++;
    this.#unavailable = code === 'unavailable' ? this.#unavailable + 1 : 0;
    if (this.#failures === 1 && retryAfterMs === undefined) return this.#random() * spreadMs;
    const own = this.#backoff(Math.max(1, this.#failures - 1));
    if (retryAfterMs === undefined) return own;
    // A stopping leader or a standby: another leader is expected soon, so Retry-After is only a hint. If none appears,
    // for example because no operator can fetch the keys of the API server, a thousand agents must not keep making as
    // many handshakes per second.
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
