import { type Dispatcher, request } from 'undici';
import { type Clock, pause } from '../../base/clock.ts';
import type { TokenBucket } from '../../base/token-bucket.ts';
import { ApiError, errorOfAnswer } from './api-error.ts';
import { readBounded } from './bounded-body.ts';
import type { Connection, Purpose } from './connection.ts';
import { connectionFault } from './connection-fault.ts';
import { LargeBodies } from './large-bodies.ts';
import type { RequestHealth } from './request-health.ts';
import { retryDelay } from './retry.ts';

/** One request to the API server. */
export interface ApiRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  contentType?: string;
  accept?: string;
  signal?: AbortSignal | undefined;
}

/** Told about requests, for metrics. Times are in seconds. */
export interface RequestObserver {
  /** One attempt was answered or failed; `code` is the HTTP status, or `<error>` as in client-go. */
  answered(attempt: { method: string; host: string; code: string; seconds: number }): void;
  /** An attempt is made again, after this answer. */
  retried(attempt: { method: string; host: string; code: string }): void;
  /** How long our own rate limit held up a request; also when it did not. */
  limited(request: { method: string; host: string; seconds: number }): void;
}

/**
 * Maximum duration of one attempt of a request, except a page of a list, in milliseconds. It includes everything from
 * the call on: the wait for our rate limit and for a connection, and the body. Less than half of a Lease's time.
 */
export const requestTimeoutMs = 4500;

/** An answer that says why not is short. */
const maxErrorBytes = 64 * 1024;

/** Sends requests: within our rate, again where the API server asks for it, and with errors that all are ApiError. */
export class ApiTransport {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #userAgent: string;
  readonly #limit: TokenBucket | undefined;
  readonly #observe: RequestObserver;
  readonly #health: RequestHealth | undefined;
  readonly #bodies = new LargeBodies();

  constructor(options: {
    connection: Connection;
    clock: Clock;
    random: () => number;
    userAgent: string;
    /** None: no limit. */
    limit?: TokenBucket | undefined;
    observe: RequestObserver;
    /** Learns whether requests are answered, watches aside. */
    health?: RequestHealth;
  }) {
    this.#connection = options.connection;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#userAgent = options.userAgent;
    this.#limit = options.limit;
    this.#observe = options.observe;
    this.#health = options.health;
  }

  /** The parsed body of a success. */
  json<T>(request: ApiRequest, { timeoutMs, maxBytes }: { timeoutMs: number; maxBytes: number }): Promise<T> {
    const once = (): Promise<T> =>
      this.#within(timeoutMs, request.signal, async (signal) => {
        await this.#wait({ ...request, signal });
        const { body } = await this.#attempt('request', request, { signal, bodyTimeout: 0 });
        return this.#bodies.read(body, maxBytes, (text) => parseJson(text) as T, signal);
      });
    return this.#insist(request, async () => {
      try {
        const answer = await once();
        this.#health?.answered();
        return answer;
      } catch (cause) {
        this.#noteFailure(this.errorOf(cause, request));
        throw cause;
      }
    });
  }

  /**
   * The body of a success, as it comes. The rate does not limit it: a watch is one request in minutes.
   * @param idleMs how long nothing may come before the stream fails with undici's UND_ERR_BODY_TIMEOUT
   */
  stream(request: ApiRequest, idleMs: number): Promise<Dispatcher.ResponseData['body']> {
    const { signal = never } = request;
    return this.#insist(request, () =>
      this.#within(requestTimeoutMs, signal, async (beginning) => {
        const limits = { signal: AbortSignal.any([signal, beginning]), bodyTimeout: idleMs };
        return (await this.#attempt('watch', request, limits)).body;
      }),
    );
  }

  /** What an error that is not the API's means. */
  errorOf(cause: unknown, { method, path, signal }: ApiRequest): ApiError {
    if (signal?.aborted) {
      const { message } = signal.reason as { message?: string };
      return new ApiError('Cancelled', `${method} ${path} was cancelled: ${message}`, { cause });
    }
    return cause instanceof ApiError ? cause : connectionFault(cause, this.#connection.origin);
  }

  /** Tries until there is a success, or a failure to report. */
  async #insist<T>(request: ApiRequest, attempt: () => Promise<T>): Promise<T> {
    const { method, signal } = request;
    for (let retries = 0; ; retries++) {
      try {
        return await attempt();
      } catch (cause) {
        const error = this.errorOf(cause, request);
        const refused = error.code === 'Unauthorized' && retries === 0;
        if (refused) this.#connection.refuse();
        const delay = refused ? 0 : retryDelay(error, retries, this.#random);
        if (delay === undefined || error.code === 'Cancelled') throw error;
        if (delay > 0) await pause(this.#clock, delay, signal ?? never);
        this.#observe.retried({ method, host: this.#connection.host, code: String(error.status) });
      }
    }
  }

  /** Waits for our own rate. */
  async #wait({ method, signal = never }: ApiRequest): Promise<void> {
    if (this.#limit === undefined) return;
    const ms = this.#limit.reserve();
    this.#observe.limited({ method, host: this.#connection.host, seconds: ms / 1000 });
    if (ms > 0) await pause(this.#clock, ms, signal);
    if (!signal.aborted) return;
    this.#limit.giveBack();
    throw signal.reason;
  }

  /** A request that we cancelled ourselves says nothing about the API server. */
  #noteFailure({ code, status, message }: ApiError): void {
    if (status !== undefined) this.#health?.answered();
    else if (code === 'Unavailable' || code === 'Untrusted') this.#health?.unanswered(message);
  }

  /**
   * Runs something that ends with the signal, and at the latest after the time. It does not rely on undici: that
   * ignores the signal of a request which waits for a connection (nodejs/undici#386), and drops the request when its
   * turn comes.
   */
  async #within<T>(ms: number, signal: AbortSignal = never, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const end = new AbortController();
    const cancel = this.#clock.after(ms, () => end.abort(new Error(`timeout after ${ms} ms`)));
    const stop = () => end.abort(signal.reason);
    const ended = new Promise<never>((_resolve, reject) => {
      end.signal.addEventListener('abort', () => reject(end.signal.reason), { once: true });
    });
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      return await Promise.race([run(end.signal), ended]);
    } finally {
      cancel();
      signal.removeEventListener('abort', stop);
    }
  }

  /** Sends once, until the answer begins. */
  async #attempt(
    purpose: Purpose,
    { method, path, query, body, contentType = 'application/json', accept = 'application/json' }: ApiRequest,
    limits: { signal: AbortSignal; bodyTimeout: number },
  ): Promise<Dispatcher.ResponseData> {
    const { origin, basePath, host } = this.#connection;
    const started = this.#clock.monotonic();
    const answered = (code: string) =>
      this.#observe.answered({ method, host, code, seconds: (this.#clock.monotonic() - started) / 1000 });
    let answer: Dispatcher.ResponseData;
    try {
      const { dispatcher, headers } = await this.#connection.use(purpose);
      answer = await request(`${origin}${basePath}${path}${queryString(query)}`, {
        dispatcher,
        method,
        headers: {
          ...headers,
          accept,
          'user-agent': this.#userAgent,
          ...(body === undefined ? {} : { 'content-type': contentType }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        // `#within` limits the time until the answer begins.
        headersTimeout: 0,
        ...limits,
      });
    } catch (error) {
      answered('<error>');
      throw error;
    }
    answered(String(answer.statusCode));
    if (answer.statusCode < 300) return answer;
    const text = await readBounded(answer.body, maxErrorBytes).catch(() => '');
    const [retryAfter] = [answer.headers['retry-after']].flat();
    throw errorOfAnswer(answer.statusCode, text, retryAfter, this.#clock.wall());
  }
}

const never = new AbortController().signal;

/** @throws ApiError */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ApiError('Unexpected', `the API server returned invalid JSON: ${text.slice(0, 200)}`, { cause });
  }
}

function queryString(query: ApiRequest['query']): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return '';
  return `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`;
}
