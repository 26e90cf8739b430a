import type { Dispatcher } from 'undici';
import type { Clock } from '../../base/clock.ts';
import { ApiError } from '../kube/api-error.ts';

/** How long a write without a response may still take effect at the API server. */
const unansweredMs = 5000;

/**
 * Admits writes only while this process leads, and tracks those in flight. It checks at the moment when a request goes
 * out on its connection, so a request that waited for a connection, or in a paused process, is checked against the
 * current time.
 */
export class LeaderWriteGuard {
  readonly #isLeading: () => boolean;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #closed = false;
  #underWay = 0;
  #unansweredAt = Number.NEGATIVE_INFINITY;

  constructor(isLeading: () => boolean, clock: Clock) {
    this.#isLeading = isLeading;
    this.#clock = clock;
  }

  /** To compose with a connection pool. */
  readonly interceptor: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
    dispatch(options, options.method === 'GET' ? handler : this.#guarded(handler));

  /** Admits no further write. Resolves when none is in flight. */
  close(): Promise<void> {
    this.#closed = true;
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Whether every write has a response, or failed so long ago that it can no longer take effect. */
  get isQuiet(): boolean {
    return this.#underWay === 0 && this.#clock.monotonic() - this.#unansweredAt >= unansweredMs;
  }

  #guarded(handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler {
    let begun = false;
    const end = (answered: boolean) => {
      if (begun) this.#ended(answered);
      begun = false;
    };
    return {
      onRequestStart: (controller, context) => {
        // A retry: the previous attempt has no response.
        end(false);
        this.#begin();
        begun = true;
        handler.onRequestStart?.(controller, context);
      },
      onRequestUpgrade: (...args) => handler.onRequestUpgrade?.(...args),
      onResponseStart: (...args) => handler.onResponseStart?.(...args),
      onResponseData: (...args) => handler.onResponseData?.(...args),
      onResponseEnd: (...args) => {
        end(true);
        handler.onResponseEnd?.(...args);
      },
      onResponseError: (...args) => {
        end(false);
        handler.onResponseError?.(...args);
      },
    };
  }

  #begin(): void {
    if (this.#closed || !this.#isLeading())
      throw new ApiError('NotLeader', 'this operator does not hold the lease and must not write');
    this.#underWay++;
  }

  #ended(answered: boolean): void {
    this.#underWay--;
    if (!answered) this.#unansweredAt = this.#clock.monotonic();
    if (this.#underWay === 0) for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
