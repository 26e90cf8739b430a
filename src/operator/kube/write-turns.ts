import type { Clock } from '../../base/clock.ts';

/** A write that takes longer is slow, in milliseconds: usually it waits for admission webhooks. */
const slowMs = 3000;

/** Maximum number of keys that are remembered as slow. A forgotten one is found to be slow again. */
const maxSlowKeys = 4096;

/** A write that waits for its turn. */
interface Waiting {
  key: string;
  /** @param isSlow whether it counts as slow */
  start: (isSlow: boolean) => void;
}

/**
 * Limits how many writes are in flight at a time, so that they leave connections to others. Writes start in order, but
 * slow keys never take the last place: the others do not wait for them. A key is slow until it is written quickly.
 */
export class WriteTurns {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #slow = new Set<string>();
  #waiting: Waiting[] = [];
  #running = 0;
  #runningSlow = 0;

  /** @param max maximum number of writes at a time, at least 2 */
  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  /**
   * Writes when its turn comes.
   * @param key of what makes writes slow, such as the object or its namespace
   * @param signal ends the wait, and is part of the signal of the write
   * @param write its signal is also aborted if it becomes slow in the last place. Try again then
   * @throws the reason of `signal`, or what `write` throws
   */
  async run<T>(key: string, signal: AbortSignal, write: (signal: AbortSignal) => Promise<T>): Promise<T> {
    let isCounted = await this.#turn(key, signal);
    let isSlow = false;
    const tooSlow = new AbortController();
    const cancel = this.#clock.after(slowMs, () => {
      isSlow = true;
      this.#remember(key);
      if (isCounted) return;
      isCounted = this.#runningSlow < this.#maxSlow;
      if (isCounted) this.#runningSlow++;
      else tooSlow.abort(new Error('the write is slow, and others wait'));
    });
    try {
      return await write(AbortSignal.any([signal, tooSlow.signal]));
    } finally {
      cancel();
      if (!isSlow) this.#slow.delete(key);
      if (isCounted) this.#runningSlow--;
      this.#running--;
      this.#startWaiting();
    }
  }

  get #maxSlow(): number {
    return this.#max - 1;
  }

  /** Resolves when the write has begun, with whether it counts as slow. @throws the reason of `signal` */
  #turn(key: string, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#mayStart(key)) return Promise.resolve(this.#begin(key));
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const waiting: Waiting = { key, start: resolve };
    const giveUp = () => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      reject(signal.reason);
    };
    this.#waiting.push(waiting);
    signal.addEventListener('abort', giveUp, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', giveUp));
  }

  #mayStart(key: string): boolean {
    return this.#running < this.#max && (!this.#slow.has(key) || this.#runningSlow < this.#maxSlow);
  }

  #begin(key: string): boolean {
    const isSlow = this.#slow.has(key);
    this.#running++;
    if (isSlow) this.#runningSlow++;
    return isSlow;
  }

  #startWaiting(): void {
    for (const waiting of [...this.#waiting]) {
      if (this.#running >= this.#max) return;
      if (!this.#mayStart(waiting.key)) continue;
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      waiting.start(this.#begin(waiting.key));
    }
  }

  #remember(key: string): void {
    this.#slow.delete(key);
    this.#slow.add(key);
    const [oldest] = this.#slow;
    if (this.#slow.size > maxSlowKeys) this.#slow.delete(oldest!);
  }
}
