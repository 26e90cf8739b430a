import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { errorText } from '../../base/error-text.ts';
import { leastDelay } from '../kube/retry.ts';
import { LogDeduplicator } from '../log/log-deduplicator.ts';
import { SlowKeys } from './slow-keys.ts';
import type { WorkQueue } from './work-queue.ts';

export interface ReconcileResult {
  /** When to reconcile again without a change, in milliseconds. */
  requeueAfterMs?: number;
}

/**
 * Brings the cluster to the state that the object with this key declares. It is level-based: it gets only the key,
 * reads everything else itself, and may be called at any time and any number of times, but never concurrently for one
 * key. A rejection means: retry with back-off.
 */
export type Reconcile = (key: string, context: { log: Logger; signal: AbortSignal }) => Promise<ReconcileResult>;

/** Observes reconciliations, for metrics. */
export interface ReconcileObserver {
  started(): void;
  /** A fault in the code; `ended` follows. */
  panicked(): void;
  ended(result: 'success' | 'requeue_after' | 'error', seconds: number): void;
}

/** A fixed number of workers that reconcile the keys of a queue. Slow keys never occupy the last of several workers. */
export class Controller {
  readonly #queue: WorkQueue;
  readonly #reconcile: Reconcile;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Logger;
  readonly #observe: ReconcileObserver;
  readonly #reports = new LogDeduplicator();
  readonly #stop = new AbortController();
  readonly #slowKeys: SlowKeys;
  #workers: Promise<void>[] = [];
  #count = 0;

  constructor(options: {
    /** As in the metrics. */
    name: string;
    queue: WorkQueue;
    reconcile: Reconcile;
    clock: Clock;
    /** Uniform in [0, 1). */
    random: () => number;
    log: Logger;
    observe: ReconcileObserver;
  }) {
    this.#queue = options.queue;
    this.#reconcile = options.reconcile;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.log.child({ controller: options.name });
    this.#observe = options.observe;
    this.#slowKeys = new SlowKeys(options.clock, (key) => this.#queue.add(key));
  }

  start(workers: number): void {
    this.#slowKeys.limit = workers > 1 ? workers - 1 : Number.POSITIVE_INFINITY;
    this.#workers = Array.from({ length: workers }, () => this.#work());
  }

  /**
   * Takes no more keys, and aborts reconciliations that are still running after `graceMs`. Resolves when none is
   * running.
   */
  async stop(graceMs: number): Promise<void> {
    this.#queue.close();
    if (graceMs <= 0) this.#abort();
    await this.#finish(graceMs);
  }

  /** The same, but works on every key that waits first, also on those whose time has not come. */
  async drain(graceMs: number): Promise<void> {
    this.#queue.drain();
    await this.#finish(graceMs);
  }

  async #finish(graceMs: number): Promise<void> {
    const cancel = this.#clock.after(graceMs, () => this.#abort());
    await Promise.all(this.#workers);
    cancel();
  }

  #abort(): void {
    this.#queue.close();
    this.#stop.abort(new Error('the operator is stopping'));
  }

  async #work(): Promise<void> {
    for (let key = await this.#queue.next(); key !== undefined; key = await this.#queue.next()) {
      try {
        if (this.#slowKeys.admits(key)) await this.#once(key);
      } finally {
        this.#queue.done(key);
      }
    }
  }

  /** Reconciles once. An error affects only this key. */
  async #once(key: string): Promise<void> {
    const log = this.#log.child({ key, reconcile: ++this.#count });
    const started = this.#clock.monotonic();
    const ended = (result: 'success' | 'requeue_after' | 'error') =>
      this.#observe.ended(result, (this.#clock.monotonic() - started) / 1000);
    this.#observe.started();
    log.debug('reconcile started');
    const pace = this.#slowKeys.begin(key);
    try {
      const signal = AbortSignal.any([this.#stop.signal, pace.signal]);
      const { requeueAfterMs } = await this.#reconcile(key, { log, signal });
      this.#queue.forget(key);
      if (requeueAfterMs !== undefined) this.#queue.addAfter(key, requeueAfterMs);
      ended(requeueAfterMs === undefined ? 'success' : 'requeue_after');
      if (this.#reports.forget(key)) log.info('reconcile succeeded again');
    } catch (error) {
      if (pace.signal.aborted && !isFault(error)) {
        ended('requeue_after');
        log.debug('reconcile aborted: it is slow and occupied the last worker');
        return;
      }
      if (isFault(error)) this.#observe.panicked();
      ended('error');
      this.#queue.retry(key, leastDelay(error, this.#random));
      // One error per cause: the metrics count the retries.
      if (this.#stop.signal.aborted) log.info('reconcile cancelled');
      else if (this.#reports.isNew(key, errorText(error))) log.error({ err: error }, 'reconcile failed, will retry');
      else log.debug({ err: error }, 'reconcile failed again, will retry');
    } finally {
      pace.end();
      log.debug('reconcile ended');
    }
  }
}

/**
 * The errors of JavaScript itself mean a fault in the code: failed requests and invalid answers have errors of our own.
 */
const faults = [TypeError, RangeError, ReferenceError, SyntaxError, EvalError, URIError];

/** Whether controller-runtime would call it a panic. */
function isFault(error: unknown): boolean {
  return !(error instanceof Error) || faults.some((fault) => error instanceof fault);
}
