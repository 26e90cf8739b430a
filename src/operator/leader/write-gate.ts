import type { Dispatcher } from 'undici';
import type { Clock } from '../../base/clock.ts';
import { ApiError } from '../kube/api-error.ts';

/** A write without an answer may still be on its way to the API server for so long. */
const unansweredMs = 5000;

/**
 * Lets requests that change something start only while this process leads, and knows which of them are under way. It asks at
 * the very moment in which a request would go out on its connection: one that waited for a connection, or in a process that
 * was stopped meanwhile, is judged by the time it has become.
 */
export class WriteGate {
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

  /** Goes between a pool of connections and those who use it. */
  readonly interceptor: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) =>
    dispatch(options, options.method === 'GET' ? handler : this.#gated(handler));

  /** Lets no further write start. Resolves when none is under way. */
  close(): Promise<void> {
    this.#closed = true;
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Whether every write has been answered, or failed so long ago that it cannot have an effect any more. */
  get isQuiet(): boolean {
    return this.#underWay === 0 && this.#clock.monotonic() - this.#unansweredAt >= unansweredMs;
  }

  #gated(handler: Dispatcher.DispatchHandler): Dispatcher.DispatchHandler {
    let begun = false;
    const end = (answered: boolean) => {
      if (begun) this.#ended(answered);
      begun = false;
    };
    return {
      onRequestStart: (controller, context) => {
        // Sent again: the attempt before had no answer.
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
