import { type Dispatcher, request } from 'undici';
import { type Clock, pause } from '../clock.ts';
import { ApiError, errorOfAnswer } from './api-error.ts';
import type { Connection } from './connection.ts';
import type { KubeObject } from './kube-object.ts';
import { pathOf, type Resource } from './resource.ts';
import { retryDelay } from './retry.ts';
import { splitLines } from './watch-lines.ts';

/** One event of a watch. */
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: KubeObject;
}

export interface ListPage {
  metadata: { resourceVersion: string; continue?: string };
  items: KubeObject[];
}

/** Told about every request that was answered or failed; `code` is the HTTP status, or `<error>` as in client-go. */
export type RequestObserver = (request: { method: string; code: string; seconds: number }) => void;

interface Call {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal | undefined;
}

interface Place {
  namespace: string;
  name: string;
}

/** Which objects a list or a watch is about; all of all namespaces where it says nothing. */
interface Selection {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

/** No attempt of a request may take longer, but a watch and a page of a list. */
const requestTimeoutMs = 4500;
const listTimeoutMs = 30_000;

/** Thin access to the API server: raw JSON, typed errors, one pool. Every method throws ApiError. */
export class ApiClient {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #userAgent: string;
  readonly #fieldManager: string;
  readonly #observe: RequestObserver;

  constructor(options: {
    connection: Connection;
    clock: Clock;
    userAgent: string;
    /** The name under which this client's fields are managed. */
    fieldManager: string;
    observe: RequestObserver;
  }) {
    this.#connection = options.connection;
    this.#clock = options.clock;
    this.#userAgent = options.userAgent;
    this.#fieldManager = options.fieldManager;
    this.#observe = options.observe;
  }

  get(resource: Resource, place: Place, signal?: AbortSignal): Promise<KubeObject> {
    return this.#json({ method: 'GET', path: pathOf(resource, place), signal });
  }

  /** One page of a list. */
  list(
    resource: Resource,
    { namespace, ...query }: Selection & { limit?: number | undefined; continue?: string | undefined },
    signal?: AbortSignal,
  ): Promise<ListPage> {
    return this.#json({ method: 'GET', path: collection(resource, namespace), query, signal }, listTimeoutMs);
  }

  /** What the API server serves in a version of a group; NotFound where it does not know the version at all. */
  async served(
    { group, version }: Pick<Resource, 'group' | 'version'>,
    signal?: AbortSignal,
  ): Promise<{ name: string; verbs: string[] }[]> {
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const list = await this.#json<{ resources: { name: string; verbs: string[] }[] }>({ method: 'GET', path, signal });
    return list.resources;
  }

  create(resource: Resource, namespace: string, object: object, signal?: AbortSignal): Promise<KubeObject> {
    const query = { fieldManager: this.#fieldManager };
    return this.#json({ method: 'POST', path: pathOf(resource, { namespace }), query, body: object, signal });
  }

  /** Server-side apply (KEP-555). With a uid in the object it never creates one, nor touches another of the same name. */
  apply(resource: Resource, place: Place, object: object, signal?: AbortSignal): Promise<KubeObject> {
    return this.#json({
      method: 'PATCH',
      path: pathOf(resource, place),
      query: { fieldManager: this.#fieldManager, force: true },
      contentType: 'application/apply-patch+yaml',
      body: object,
      signal,
    });
  }

  /** A merge patch (RFC 7386). A resourceVersion inside makes it fail with Conflict where the object has changed. */
  mergePatch(
    resource: Resource,
    place: Place & { subresource?: string },
    patch: object,
    signal?: AbortSignal,
  ): Promise<KubeObject> {
    return this.#json({
      method: 'PATCH',
      path: pathOf(resource, place),
      query: { fieldManager: this.#fieldManager },
      contentType: 'application/merge-patch+json',
      body: patch,
      signal,
    });
  }

  /** Deletes this very object: one of the same name with another uid is Conflict. */
  async delete(resource: Resource, place: Place, uid: string, signal?: AbortSignal): Promise<void> {
    const body = { preconditions: { uid }, propagationPolicy: 'Background' };
    await this.#json({ method: 'DELETE', path: pathOf(resource, place), body, signal });
  }

  /**
   * The events of a watch until the API server ends it.
   * @param idleMs when nothing, not even a bookmark, comes for so long, the watch fails with Unavailable: a half-open
   *   connection says nothing either
   */
  async *watch(
    resource: Resource,
    { namespace, ...query }: Selection & { resourceVersion: string; timeoutSeconds: number },
    idleMs: number,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent> {
    const call: Call = {
      method: 'GET',
      path: collection(resource, namespace),
      query: { ...query, watch: true, allowWatchBookmarks: true },
      signal,
    };
    const body = await this.#send(call, (answer) => Promise.resolve(answer.body), idleMs);
    try {
      for await (const line of splitLines(body)) yield parseJson(line) as WatchEvent;
    } catch (error) {
      throw asApiError(error, 'the watch broke');
    } finally {
      body.on('error', () => {}).destroy();
    }
  }

  #json<T>(call: Call, timeoutMs = requestTimeoutMs): Promise<T> {
    return this.#send(call, async ({ body }) => parseJson(await body.text()) as T, undefined, timeoutMs);
  }

  /** Sends until an answer is a success, which `read` takes, or a failure to report. */
  async #send<T>(
    call: Call,
    read: (answer: Dispatcher.ResponseData) => Promise<T>,
    idleMs?: number,
    timeoutMs?: number,
  ): Promise<T> {
    for (let retries = 0; ; retries++) {
      try {
        return await this.#attempt(call, read, idleMs, timeoutMs);
      } catch (cause) {
        const error = asApiError(cause, `${call.method} ${call.path}`);
        const refused = error.code === 'Unauthorized' && retries === 0;
        if (refused) this.#connection.refuse();
        const delay = refused ? 0 : retryDelay(error, retries);
        if (delay === undefined || call.signal?.aborted) throw error;
        if (delay > 0) await pause(this.#clock, delay, call.signal ?? new AbortController().signal);
      }
    }
  }

  /** Sends once and reads the answer, both within the time where one is set. */
  async #attempt<T>(
    call: Call,
    read: (answer: Dispatcher.ResponseData) => Promise<T>,
    idleMs?: number,
    timeoutMs?: number,
  ): Promise<T> {
    const deadline = new AbortController();
    const expire = () => deadline.abort(new Error(`no answer within ${timeoutMs} ms`));
    const cancel = timeoutMs === undefined ? () => {} : this.#clock.after(timeoutMs, expire);
    const signals = [deadline.signal, ...(call.signal ? [call.signal] : [])];
    try {
      return await read(await this.#sendOnce(call, AbortSignal.any(signals), idleMs));
    } finally {
      cancel();
    }
  }

  async #sendOnce(call: Call, signal: AbortSignal, idleMs: number | undefined): Promise<Dispatcher.ResponseData> {
    const started = this.#clock.now();
    const done = (code: string) =>
      this.#observe({ method: call.method, code, seconds: (this.#clock.now() - started) / 1000 });
    let answer: Dispatcher.ResponseData;
    try {
      const { dispatcher, headers } = await this.#connection.use();
      const { origin, basePath } = this.#connection;
      answer = await request(`${origin}${basePath}${call.path}${queryString(call.query)}`, {
        dispatcher,
        method: call.method,
        headers: {
          ...headers,
          accept: 'application/json',
          'user-agent': this.#userAgent,
          ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
        },
        body: call.body === undefined ? null : JSON.stringify(call.body),
        headersTimeout: idleMs === undefined ? 0 : requestTimeoutMs,
        // Between two pieces of the body; 0 where the whole request has a deadline.
        bodyTimeout: idleMs ?? 0,
        signal,
      });
    } catch (error) {
      done('<error>');
      throw error;
    }
    done(String(answer.statusCode));
    if (answer.statusCode < 300) return answer;
    const text = await answer.body.text().catch(() => '');
    const retryAfter = answer.headers['retry-after'];
    throw errorOfAnswer(
      answer.statusCode,
      text,
      Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
      this.#clock.now(),
    );
  }
}

function collection(resource: Resource, namespace: string | undefined): string {
  return pathOf(resource, namespace === undefined ? {} : { namespace });
}

function asApiError(error: unknown, doing: string): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError('Unavailable', `${doing}: ${(error as Error).message}`, { cause: error });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ApiError('Unexpected', `the API server sent what is not JSON: ${text.slice(0, 200)}`, { cause });
  }
}

function queryString(query: Call['query']): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return '';
  return `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`;
}
