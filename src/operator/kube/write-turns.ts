import type { Clock } from '../../base/clock.ts';

/** A write that takes longer is slow, in milliseconds: usually it waits for admission webhooks. */
const slowMs = 3000;

/** Maximum number of namespaces that are remembered as slow. A forgotten one is found to be slow again. */
const maxSlowNamespaces = 4096;

/** Starts a write that waits for its turn. @param isSlow whether it counts as slow */
type Start = (isSlow: boolean) => void;

/**
 * Limits how many writes are in flight at a time, so that they leave connections to others. Those of one namespace
 * start in order, and each namespace in turn, but slow namespaces never take the last place: the others do not wait for
 * them. A namespace is slow from a slow write until a quick one.
 */
export class WriteTurns {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #slow = new Set<string>();
  /** By namespace, the one whose turn it is first; none without waiting writes. */
  readonly #waiting = new Map<string, Start[]>();
  #running = 0;
  #runningSlow = 0;

  /** @param max maximum number of writes at a time, at least 2 */
  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  /**
   * Writes when its turn comes.
   * @param signal ends the wait, and is part of the signal of the write
   * @param write resolves with whether the API server accepted a write: otherwise nothing is known about how long one
   *   takes. Its signal is also aborted if it becomes slow in the last place. Try again then
   * @throws the reason of `signal`, or what `write` throws
   */
  async run(namespace: string, signal: AbortSignal, write: (signal: AbortSignal) => Promise<boolean>): Promise<void> {
    let isCounted = await this.#turn(namespace, signal);
    let isSlow = false;
    const tooSlow = new AbortController();
    const cancel = this.#clock.after(slowMs, () => {
      isSlow = true;
      this.#remember(namespace);
      if (isCounted) return;
      isCounted = this.#runningSlow < this.#maxSlow;
      if (isCounted) this.#runningSlow++;
      else tooSlow.abort(new Error('the write is slow, and others wait'));
    });
    try {
      const hasWritten = await write(AbortSignal.any([signal, tooSlow.signal]));
      if (hasWritten && !isSlow) this.#slow.delete(namespace);
    } finally {
      cancel();
      if (isCounted) this.#runningSlow--;
      this.#running--;
      this.#startWaiting();
    }
  }

  get #maxSlow(): number {
    return this.#max - 1;
  }

  /** Resolves when the write has begun, with whether it counts as slow. @throws the reason of `signal` */
  #turn(namespace: string, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#mayStart(namespace)) return Promise.resolve(this.#begin(namespace));
    const { promise, resolve: start, reject } = Promise.withResolvers<boolean>();
    const giveUp = () => {
      const others = this.#waiting.get(namespace)?.filter((other) => other !== start) ?? [];
      if (others.length > 0) this.#waiting.set(namespace, others);
      else this.#waiting.delete(namespace);
      reject(signal.reason);
    };
    this.#waiting.set(namespace, [...(this.#waiting.get(namespace) ?? []), start]);
    signal.addEventListener('abort', giveUp, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', giveUp));
  }

  #mayStart(namespace: string): boolean {
    return this.#running < this.#max && (!this.#slow.has(namespace) || this.#runningSlow < this.#maxSlow);
  }

  #begin(namespace: string): boolean {
    const isSlow = this.#slow.has(namespace);
    this.#running++;
    if (isSlow) this.#runningSlow++;
    return isSlow;
  }

  #startWaiting(): void {
    // A namespace that is set again comes last, and has its next turn in the same loop.
    for (const [namespace, [start, ...others]] of this.#waiting) {
      if (this.#running >= this.#max) return;
      if (!this.#mayStart(namespace)) continue;
      this.#waiting.delete(namespace);
      if (others.length > 0) this.#waiting.set(namespace, others);
      start!(this.#begin(namespace));
    }
  }

  #remember(namespace: string): void {
    this.#slow.delete(namespace);
    this.#slow.add(namespace);
    const [oldest] = this.#slow;
    if (this.#slow.size > maxSlowNamespaces) this.#slow.delete(oldest!);
  }
}
