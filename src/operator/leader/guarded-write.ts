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

/** How long a write may wait for a connection before its timeout is computed again, in milliseconds. */
const waitMs = 250;

/**
 * How long a request may take to reach the API server, which measures `?timeout=` from then on, in milliseconds. A
 * longer transit ends by the reset of the connection, which a process that stands still or was killed does not send.
 */
const transitMs = 500;

/** How much longer than its timeout a write may take effect: etcd may complete what it has begun. Milliseconds. */
const commitMs = 500;

/** How much is read of the response of a failure, in bytes: the beginning says what failed. */
const maxHeadBytes = 1024;

/** The beginning of the message in the Status (500) of a webhook that failed, in which case nothing reached etcd. */
const webhookFailure = /"message":\s*"Internal error occurred: failed calling webhook /;

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
  /** The HTTP status of the response; undefined until it begins. */
  #status: number | undefined;
  /** The beginning of a response with status 500. */
  #head = '';
  /** It waited for a connection for so long that its timeout would end too late. */
  #isLate = false;

  constructor(parts: GuardedWriteParts) {
    this.#parts = parts;
  }

  /** @returns as undici's `dispatch` */
  send(): boolean {
    const { leadership, dispatch, options } = this.#parts;
    this.#timeoutMs = Math.max(1, Math.floor(leadership.writeTimeLeftMs - waitMs - transitMs));
    return dispatch({ ...options, path: withTimeout(options.path, this.#timeoutMs) }, this.#handler);
  }

  /** Closes the connection, so that the API server gives up the write, too. */
  abort(reason: ApiError): void {
    this.#controller?.abort(reason);
  }

  readonly #handler: Dispatcher.DispatchHandler = {
    onRequestStart: (controller, context) => {
      // A retry by undici: the previous attempt has no response.
      this.#end(this.#effectiveUntil);
      this.#isSent = false;
      this.#status = undefined;
      this.#head = '';
      this.#begin(controller);
      this.#parts.handler.onRequestStart?.(controller, context);
      this.#isSent = true;
    },
    onRequestUpgrade: (...args) => this.#parts.handler.onRequestUpgrade?.(...args),
    onResponseStart: (controller, status, ...args) => {
      this.#status = status;
      this.#parts.handler.onResponseStart?.(controller, status, ...args);
    },
    onResponseData: (controller, chunk) => {
      if (this.#status === 500 && this.#head.length < maxHeadBytes)
        this.#head += chunk.toString('latin1', 0, maxHeadBytes - this.#head.length);
      this.#parts.handler.onResponseData?.(controller, chunk);
    },
    onResponseEnd: (...args) => {
      this.#end(this.#effectiveAfterResponse());
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
      this.#end(this.#isSent ? this.#effectiveUntil : undefined);
      this.#parts.handler.onResponseError?.(...args);
    },
  };

  #begin(controller: Dispatcher.DispatchController): void {
    const { leadership, clock, begun } = this.#parts;
    begun(this);
    const leftMs = leadership.writeTimeLeftMs;
    if (this.#timeoutMs > leftMs - transitMs) {
      this.#parts.ended(this, undefined);
      this.#isLate = true;
      throw new ApiError('Unavailable', 'the write waited too long for a connection');
    }
    const limitMs = Math.min(leftMs, this.#timeoutMs + waitMs + transitMs);
    this.#controller = controller;
    this.#effectiveUntil = clock.monotonic() + limitMs + commitMs;
    this.#cancelDeadline = clock.after(limitMs, () => this.abort(timeoutError()));
  }

  /**
   * Until when it can take effect after this response. A failure may mean that the API server gave up to wait: for etcd
   * (500 "etcdserver: request timed out", and 504), or a proxy for the API server (502, 503 and 504), and 408 for the
   * rest of the request. etcd may complete later what it has begun.
   */
  #effectiveAfterResponse(): number | undefined {
    const status = this.#status ?? 0;
    if (status !== 408 && status < 500) return undefined;
    if (status === 500 && webhookFailure.test(this.#head))
      return Math.min(this.#effectiveUntil, this.#parts.clock.monotonic() + commitMs);
    return this.#effectiveUntil;
  }

  /** @param effectiveUntil as in `ended` */
  #end(effectiveUntil: number | undefined): void {
    if (!this.#controller) return;
    this.#controller = undefined;
    this.#cancelDeadline();
    this.#parts.ended(this, effectiveUntil);
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
