import { type Clock, systemClock } from '../../base/clock.ts';

/** Maximum number of different causes that are logged for one subject until it is forgotten. */
const maxCauses = 8;

/** Maximum number of subjects; the one whose first cause is oldest is forgotten first. */
const maxSubjects = 1000;

/** After this time a subject is forgotten: what still fails is logged again. */
const forgetAfterMs = 3_600_000;

/**
 * Decides which failures to log: each cause once, so that retries do not fill the log, including those that alternate
 * between two causes. A cause that persists is logged once an hour.
 */
export class LogDeduplicator {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** In the order of their first causes. */
  readonly #subjects = new Map<string, { since: number; causes: Set<string> }>();

  constructor(clock: Pick<Clock, 'monotonic'> = systemClock) {
    this.#clock = clock;
  }

  /** Returns whether to log this cause: it was not logged since the subject was forgotten. */
  isNew(subject: string, cause: string): boolean {
    const now = this.#clock.monotonic();
    for (const [old, { since }] of this.#subjects) {
      const isFull = this.#subjects.size >= maxSubjects && !this.#subjects.has(subject);
      if (now - since < forgetAfterMs && !isFull) break;
      this.#subjects.delete(old);
    }
    const known = this.#subjects.get(subject);
    const causes = known?.causes ?? new Set();
    if (causes.has(cause) || causes.size >= maxCauses) return false;
    causes.add(cause);
    if (!known) this.#subjects.set(subject, { since: now, causes });
    return true;
  }

  /** The subject works again. @returns whether anything was logged about it */
  forget(subject: string): boolean {
    return this.#subjects.delete(subject);
  }
}
