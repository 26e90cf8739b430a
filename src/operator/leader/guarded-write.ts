import type { Dispatcher } from 'undici';
import type { Clock } from '../../base/clock.ts';
import { ApiError } from '../kube/api-error.ts';
import { leaseTiming } from './lease.ts';

/** What a write has to know about the Lease. */
export interface Leadership {
  /** Whether a write may start now. */
  readonly isLeading: boolean;
  /** How long a write that starts now may last, in milliseconds. */
  readonly writeTimeLeftMs: number;
}

/**
 * How long a request may take to reach the API server, which measures `?timeout=` from then on, in milliseconds. It is
 * also what a write may wait for a connection before its timeout is computed again.
 */
const transitMs = 500;

/** How much longer than its timeout a write may take effect: etcd may complete what it has begun. Milliseconds. */
const commitMs = 500;

export interface GuardedWriteParts {
  leadership: Leadership;
  clock: Clock;
  dispatch: Dispatcher.Dispatch;
  options: Dispatcher.DispatchOptions;
  handler: Dispatcher.DispatchHandler;
  /** @throws ApiError if no write may start now */
  begun: (write: GuardedWrite) => void;
  /** @param effectiveUntil when it can take effect no more, in monotonic milliseconds; undefined if that is known */
  ended: (write: GuardedWrite, effectiveUntil: number | undefined) => void;
}

/**
 * One attempt to write, which both sides end before another process may acquire the Lease: the API server by
 * `?timeout=`, and this process by closing the connection.
 */
export class GuardedWrite {
  readonly #parts: GuardedWriteParts;
  /** As sent to the API server. */
  #timeoutMs = 0;
  #effectiveUntil = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #cancelDeadline = () => {};
  #isSent = false;
  /** It waited for a connection for so long that its timeout would end too late. */
  #isLate = false;

  constructor(parts: GuardedWriteParts) {
    this.#parts = parts;
  }

  /** @returns as undici's `dispatch` */
  send(): boolean {
    const { leadership, dispatch, options } = this.#parts;
    this.#timeoutMs = Math.max(1, Math.floor(leadership.writeTimeLeftMs - transitMs));
    return dispatch({ ...options, path: withTimeout(options.path, this.#timeoutMs) }, this.#handler);
  }

  /** Closes the connection, so that the API server gives up the write, too. */
  abort(reason: ApiError): void {
    this.#controller?.abort(reason);
  }

  readonly #handler: Dispatcher.DispatchHandler = {
    onRequestStart: (controller, context) => {
      // A retry by undici: the previous attempt has no response.
      this.#end(false);
      this.#isSent = false;
      this.#begin(controller);
      this.#parts.handler.onRequestStart?.(controller, context);
      this.#isSent = true;
    },
    onRequestUpgrade: (...args) => this.#parts.handler.onRequestUpgrade?.(...args),
    onResponseStart: (...args) => this.#parts.handler.onResponseStart?.(...args),
    onResponseData: (...args) => this.#parts.handler.onResponseData?.(...args),
    onResponseEnd: (...args) => {
      this.#end(true);
      this.#parts.handler.onResponseEnd?.(...args);
    },
    onResponseError: (...args) => {
      if (this.#isLate) {
        // Nothing has been sent.
        this.#isLate = false;
        this.send();
        return;
      }
      // Whoever gave up a request that waited for a connection aborts it in `onRequestStart`.
      this.#end(!this.#isSent);
      this.#parts.handler.onResponseError?.(...args);
    },
  };

  #begin(controller: Dispatcher.DispatchController): void {
    const { leadership, clock, begun } = this.#parts;
    begun(this);
    const leftMs = leadership.writeTimeLeftMs;
    if (this.#timeoutMs > leftMs) {
      this.#parts.ended(this, undefined);
      this.#isLate = true;
      throw new ApiError('Unavailable', 'the write waited too long for a connection');
    }
    const limitMs = Math.min(leftMs, this.#timeoutMs + transitMs);
    this.#controller = controller;
    this.#effectiveUntil = clock.monotonic() + limitMs + commitMs;
    this.#cancelDeadline = clock.after(limitMs, () => this.abort(timeoutError()));
  }

  /** @param isSettled whether its effect is known: it has a response, or was not sent */
  #end(isSettled: boolean): void {
    if (!this.#controller) return;
    this.#controller = undefined;
    this.#cancelDeadline();
    this.#parts.ended(this, isSettled ? undefined : this.#effectiveUntil);
  }
}

/** Without the exact time, which differs at each attempt: the message goes into a condition. */
function timeoutError(): ApiError {
  return new ApiError('Timeout', `no response to the write within about ${leaseTiming.writeDeadlineMs / 1000} s`);
}

/** @param path with or without a query */
function withTimeout(path: string, ms: number): string {
  return `${path}${path.includes('?') ? '&' : '?'}timeout=${ms}ms`;
}
