import type { Clock } from '../../base/clock.ts';

/** A reconciliation that takes longer is slow, in milliseconds: usually it waits for admission webhooks. */
const slowMs = 3000;

/** One reconciliation. */
export interface Pace {
  /** Aborted if it becomes slow while as many others as allowed are. The key is then added again. */
  readonly signal: AbortSignal;
  end(): void;
}

/**
 * Limits how many slow reconciliations run at a time, so that they do not occupy every worker. A key is slow until it
 * is reconciled quickly. Slow keys beyond the limit wait in order.
 */
export class SlowKeys {
  /** Maximum number of slow reconciliations at a time. */
  limit = Number.POSITIVE_INFINITY;
  readonly #clock: Clock;
  readonly #add: (key: string) => void;
  readonly #slow = new Set<string>();
  readonly #waiting = new Set<string>();
  #running = 0;

  /** @param add puts a key into the queue */
  constructor(clock: Clock, add: (key: string) => void) {
    this.#clock = clock;
    this.#add = add;
  }

  /** Whether this key may be reconciled now. If not, it is added again when it may. */
  admits(key: string): boolean {
    if (!this.#slow.has(key) || this.#running < this.limit) return true;
    this.#waiting.add(key);
    return false;
  }

  /** A reconciliation of this key begins. */
  begin(key: string): Pace {
    this.#waiting.delete(key);
    const tooSlow = new AbortController();
    let isCounted = this.#slow.has(key);
    if (isCounted) this.#running++;
    let isSlow = false;
    const cancel = this.#clock.after(slowMs, () => {
      isSlow = true;
      this.#slow.add(key);
      if (isCounted) return;
      if (this.#running < this.limit) {
        isCounted = true;
        this.#running++;
        return;
      }
      this.#waiting.add(key);
      tooSlow.abort(new Error('the reconciliation is slow and occupies the last worker'));
    });
    return {
      signal: tooSlow.signal,
      end: () => {
        cancel();
        if (!isSlow) this.#slow.delete(key);
        if (!isCounted) return;
        this.#running--;
        this.#addWaiting();
      },
    };
  }

  #addWaiting(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    this.#waiting.delete(first);
    this.#add(first);
  }
}
