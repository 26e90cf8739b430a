/** Minimum time that a value is kept, in milliseconds. */
const windowMs = 60_000;

/**
 * Maximum of the last one to two minutes, so that scrapes at any common interval see it and several scrapers do not
 * interfere. Keeps two values, not a list.
 */
export class RecentMaximum {
  #window = Number.NEGATIVE_INFINITY;
  #current = 0;
  #previous = 0;

  /** @param nowMs on a monotonic clock */
  record(value: number, nowMs: number): void {
    this.#turn(nowMs);
    this.#current = Math.max(this.#current, value);
  }

  /** @returns 0 if nothing was recorded recently */
  at(nowMs: number): number {
    this.#turn(nowMs);
    return Math.max(this.#current, this.#previous);
  }

  #turn(nowMs: number): void {
    const window = Math.floor(nowMs / windowMs);
    if (window === this.#window) return;
    this.#previous = window === this.#window + 1 ? this.#current : 0;
    this.#current = 0;
    this.#window = window;
  }
}
