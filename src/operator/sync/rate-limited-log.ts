import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';

/** Interval between log lines of one kind. */
const intervalMs = 600_000;

/**
 * Logs rejected clients, each kind once in ten minutes, because unknown clients may connect at any rate. A rejection
 * may be harmless: a new agent may send a request before the watch has shown its pod.
 */
export class RateLimitedLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #kinds = new Map<string, { toldAt: number; since: number }>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /**
   * @param kind one of a few fixed words
   * @param reason what happened this time; must not quote what was received
   * @param from the client's address
   */
  report(kind: string, reason: string, from: string | undefined): void {
    const now = this.#clock.monotonic();
    const known = this.#kinds.get(kind);
    if (known && now - known.toldAt < intervalMs) {
      known.since++;
      return;
    }
    this.#kinds.set(kind, { toldAt: now, since: 0 });
    this.#log.info({ kind, reason, from, ...(known && { more: known.since }) }, 'rejected sync client');
  }
}
