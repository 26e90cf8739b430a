/** Maximum number of different causes that are logged for one subject until it is forgotten. */
const maxCauses = 8;

/**
 * Decides which failures to log: each cause once, so that retries do not fill the log, including those that alternate
 * between two causes.
 */
export class LogDeduplicator {
  readonly #causes = new Map<string, Set<string>>();

  /** @returns whether to log this cause: it was not logged since the subject was forgotten */
  isNew(subject: string, cause: string): boolean {
    const causes = this.#causes.get(subject) ?? new Set();
    this.#causes.set(subject, causes);
    if (causes.has(cause) || causes.size >= maxCauses) return false;
    causes.add(cause);
    return true;
  }

  /** The subject works again. @returns whether anything was logged about it */
  forget(subject: string): boolean {
    return this.#causes.delete(subject);
  }
}
