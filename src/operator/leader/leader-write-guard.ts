import type { Dispatcher } from 'undici';
import type { Clock } from '../../base/clock.ts';
import { ApiError } from '../kube/api-error.ts';
import { GuardedWrite, type Leadership } from './guarded-write.ts';

/**
 * Admits writes only while this process leads, limits how long they last, and tracks those in flight. It checks at the
 * moment when a request goes out on its connection, so a request that waited for a connection, or in a paused process,
 * is checked against the current time.
 */
export class LeaderWriteGuard {
  readonly #leadership: Leadership;
  readonly #clock: Clock;
  readonly #inFlight = new Set<GuardedWrite>();
  readonly #waiting: (() => void)[] = [];
  #closed = false;
  #effectiveUntil = Number.NEGATIVE_INFINITY;

  constructor(leadership: Leadership, clock: Clock) {
    this.#leadership = leadership;
    this.#clock = clock;
  }

  /** To compose with a connection pool. */
  readonly interceptor: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
    if (options.method === 'GET') return dispatch(options, handler);
    return new GuardedWrite({
      ...{ leadership: this.#leadership, clock: this.#clock, dispatch, options, handler },
      begun: (write) => this.#begun(write),
      ended: (write, effectiveUntil) => this.#ended(write, effectiveUntil),
    }).send();
  };

  /** Admits no further write. Resolves when none is in flight. */
  close(): Promise<void> {
    this.#closed = true;
    if (this.#inFlight.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Aborts all writes in flight. They may still take effect, until `quietInMs` is 0. */
  abort(reason: ApiError): void {
    for (const write of this.#inFlight) write.abort(reason);
  }

  /** Whether a write has been sent that has neither a response nor an error. */
  get isWriting(): boolean {
    return this.#inFlight.size > 0;
  }

  /** When no write without a response can take effect any more, in milliseconds from now; 0: already. */
  get quietInMs(): number {
    if (this.isWriting) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.#effectiveUntil - this.#clock.monotonic());
  }

  #begun(write: GuardedWrite): void {
    if (this.#closed || !this.#leadership.isLeading)
      throw new ApiError('NotLeader', 'this operator does not hold the lease and must not write');
    this.#inFlight.add(write);
  }

  #ended(write: GuardedWrite, effectiveUntil = Number.NEGATIVE_INFINITY): void {
    this.#inFlight.delete(write);
    this.#effectiveUntil = Math.max(this.#effectiveUntil, effectiveUntil);
    if (!this.isWriting) for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
