import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';

/** How often one kind of trouble is told. */
const intervalMs = 600_000;

/**
 * Tells of what strangers do, each kind once in ten minutes: they come as often as they like. It may be harmless, as a new agent
 * that calls before the watch has shown its pod.
 */
export class RefusalLog {
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
  tell(kind: string, reason: string, from: string | undefined): void {
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
