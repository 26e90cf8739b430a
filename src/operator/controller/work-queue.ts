import { type BackoffLimits, backoffDelay } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import { FairQueue } from './fair-queue.ts';

/** Told what happens in a queue, for metrics. Times are in seconds. */
export interface QueueObserver {
  added(): void;
  retried(): void;
  /** How long a key waited before a worker took it. */
  taken(seconds: number): void;
  /** How long the worker had it. */
  finished(seconds: number): void;
}

/** All retries of a queue together, as in client-go: many keys that fail at once do not come back at once. */
const retryRate = { perSecond: 10, burst: 100 };

/**
 * Keys to be worked on, as client-go's workqueue: a key that waits is there once, however often it is added; a key that
 * is being worked on is never given out a second time, but comes again afterwards when it was added meanwhile. Unlike
 * there, namespaces take turns, so that many keys of one do not delay those of others.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #limits: BackoffLimits;
  readonly #observe: QueueObserver;
  /** Waiting. */
  readonly #queue = new FairQueue();
  /** To be worked on, with the time at which that became so. */
  readonly #dirty = new Map<string, number>();
  /** Being worked on, with the time at which that began. */
  readonly #processing = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #retries: TokenBucket;
  readonly #delayed = new Map<string, { at: number; cancel: () => void }>();
  readonly #waiting: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(options: { clock: Clock; random: () => number; backoff: BackoffLimits; observe: QueueObserver }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#limits = options.backoff;
    this.#observe = options.observe;
    this.#retries = new TokenBucket(retryRate, options.clock);
  }

  /** How many keys wait for a worker. */
  get depth(): number {
    return this.#queue.length;
  }

  /** The seconds for which each key under way has been worked on. */
  underWay(): number[] {
    const now = this.#clock.monotonic();
    return [...this.#processing.values()].map((since) => (now - since) / 1000);
  }

  add(key: string): void {
    if (this.#closed || this.#dirty.has(key)) return;
    this.#observe.added();
    this.#dirty.set(key, this.#clock.monotonic());
    if (!this.#processing.has(key)) this.#offer(key);
  }

  /** Adds the key once the time has passed; of several times for one key the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    const at = this.#clock.monotonic() + ms;
    const earlier = this.#delayed.get(key);
    if (earlier && earlier.at <= at) return;
    earlier?.cancel();
    this.#delayed.delete(key);
    const cancel = this.#clock.after(ms, () => {
      this.#delayed.delete(key);
      this.add(key);
    });
    this.#delayed.set(key, { at, cancel });
  }

  /**
   * Adds the key after a delay that doubles with each call until `forget`.
   * @param leastMs the delay is not shorter than this, in milliseconds
   */
  retry(key: string, leastMs = 0): void {
    if (this.#closed) return;
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#observe.retried();
    const ofKey = backoffDelay(failures, this.#limits, this.#random);
    this.addAfter(key, Math.max(ofKey, this.#retries.reserve(), leastMs));
  }

  /** The key succeeded: its next failure begins with the shortest delay again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, when there is one; undefined when the queue is closed. `done` must be called for each. */
  next(): Promise<string | undefined> {
    const key = this.#queue.shift();
    if (key !== undefined) return Promise.resolve(this.#begin(key));
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  done(key: string): void {
    const since = this.#processing.get(key);
    if (since === undefined) return;
    this.#processing.delete(key);
    this.#observe.finished((this.#clock.monotonic() - since) / 1000);
    if (this.#dirty.has(key)) this.#offer(key);
  }

  /** Gives out no more keys and forgets those that wait. */
  close(): void {
    this.#queue.clear();
    this.#dirty.clear();
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#end();
  }

  /**
   * Takes no more keys, and still gives out each one that waits, now also those whose time has not come: client-go's
   * `ShutDownWithDrain`. `next` resolves with undefined after the last one.
   */
  drain(): void {
    if (this.#closed) return;
    const delayed = [...this.#delayed].sort(([, a], [, b]) => a.at - b.at);
    this.#delayed.clear();
    for (const [key, { cancel }] of delayed) {
      cancel();
      this.add(key);
    }
    this.#end();
  }

  #end(): void {
    this.#closed = true;
    for (const resolve of this.#waiting.splice(0)) resolve(undefined);
  }

  #offer(key: string): void {
    const worker = this.#waiting.shift();
    if (worker) worker(this.#begin(key));
    else this.#queue.push(key);
  }

  #begin(key: string): string {
    const now = this.#clock.monotonic();
    this.#observe.taken((now - this.#dirty.get(key)!) / 1000);
    this.#dirty.delete(key);
    this.#processing.set(key, now);
    return key;
  }
}
