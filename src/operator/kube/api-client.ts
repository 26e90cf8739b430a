import { isApiError } from './api-error.ts';
import { type ApiRequest, type ApiTransport, parseJson, requestTimeoutMs } from './api-transport.ts';
import type { KubeObject } from './kube-object.ts';
import { pathOf, type Resource } from './resource.ts';
import { splitLines } from './watch-lines.ts';

/** Stands for an event of a watch that was too long to be read. */
export const oversizedEvent = { type: 'OVERSIZED' } as const;

/** One event of a watch. */
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: KubeObject;
}

export interface ListPage {
  metadata: { resourceVersion: string; continue?: string };
  items: KubeObject[];
}

export interface Place {
  namespace: string;
  name: string;
}

/** Which objects a list or a watch is about; all of all namespaces where it says nothing. */
interface Selection {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

/**
 * Maximum size of an object in bytes. etcd accepts 1.5 MiB, but JSON needs six bytes for some of them, such as control
 * characters.
 */
const maxObjectBytes = 12 * 1024 * 1024;

const objectLimits = { timeoutMs: requestTimeoutMs, maxBytes: maxObjectBytes };

/** A write may wait for admission webhooks. While this process leads, `LeaderWriteGuard` ends it before. */
const writeLimits = { ...objectLimits, timeoutMs: 15_000 };

/**
 * Limits of a page of a list. A page with more than fits is requested with fewer objects (`ObjectPages`), down to one,
 * for which there must be room whatever its size.
 */
const pageLimits = { timeoutMs: 30_000, maxBytes: 4 * 1024 * 1024 };
const lastPageLimits = { ...pageLimits, maxBytes: 16 * 1024 * 1024 };

/**
 * Thin access to the API server: raw JSON, so that fields this code does not know survive. Every method throws
 * ApiError, with the code Cancelled where the signal was aborted.
 */
export class ApiClient {
  readonly #transport: ApiTransport;
  readonly #fieldManager: string;

  /** @param fieldManager the name under which this client's fields are managed */
  constructor(transport: ApiTransport, fieldManager: string) {
    this.#transport = transport;
    this.#fieldManager = fieldManager;
  }

  /** @returns undefined where there is none */
  async get(resource: Resource, place: Place, signal?: AbortSignal): Promise<KubeObject | undefined> {
    try {
      return await this.#object({ method: 'GET', path: pathOf(resource, place), signal });
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  /** One page of a list. */
  list(
    resource: Resource,
    { namespace, ...query }: Selection & { limit?: number | undefined; continue?: string | undefined },
    signal?: AbortSignal,
  ): Promise<ListPage> {
    const limits = query.limit === 1 ? lastPageLimits : pageLimits;
    return this.#transport.json({ method: 'GET', path: collection(resource, namespace), query, signal }, limits);
  }

  /** What the API server serves in a version of a group; NotFound where it does not know the version at all. */
  async served(
    { group, version }: Pick<Resource, 'group' | 'version'>,
    signal?: AbortSignal,
  ): Promise<{ name: string; verbs: string[] }[]> {
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const list = await this.#transport.json<{ resources: { name: string; verbs: string[] }[] }>(
      { method: 'GET', path, signal },
      objectLimits,
    );
    return list.resources;
  }

  /** A document that is not a Kubernetes object. @param accept its media type, if it is not plain JSON */
  document(path: string, accept?: string, signal?: AbortSignal): Promise<unknown> {
    return this.#transport.json({ method: 'GET', path, ...(accept !== undefined && { accept }), signal }, objectLimits);
  }

  create(resource: Resource, namespace: string, object: object, signal?: AbortSignal): Promise<KubeObject> {
    const query = { fieldManager: this.#fieldManager };
    return this.#write({ method: 'POST', path: pathOf(resource, { namespace }), query, body: object, signal });
  }

  /**
   * Server-side apply (KEP-555). With a uid in the object it never creates one, nor touches another of the same name.
   */
  apply(resource: Resource, place: Place, object: object, signal?: AbortSignal): Promise<KubeObject> {
    return this.#write({
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
    return this.#write({
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
    await this.#write({ method: 'DELETE', path: pathOf(resource, place), body, signal });
  }

  /**
   * Begins a watch.
   * @param idleMs when nothing, not even a bookmark, comes for so long, the watch ends: nothing may have happened, or
   *   the connection may be half open, which says nothing either
   * @returns its events until it ends, `oversizedEvent` for one that is too long; iterating throws ApiError where it
   *   breaks
   */
  async watch(
    resource: Resource,
    { namespace, ...query }: Selection & { resourceVersion: string; timeoutSeconds: number },
    idleMs: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<WatchEvent | typeof oversizedEvent>> {
    const request: ApiRequest = {
      method: 'GET',
      path: collection(resource, namespace),
      query: { ...query, watch: true, allowWatchBookmarks: true },
      signal,
    };
    return this.#events(await this.#transport.stream(request, idleMs), request);
  }

  async *#events(
    body: Awaited<ReturnType<ApiTransport['stream']>>,
    request: ApiRequest,
  ): AsyncGenerator<WatchEvent | typeof oversizedEvent, void> {
    try {
      for await (const line of splitLines(body))
        yield line === undefined ? oversizedEvent : (parseJson(line) as WatchEvent);
    } catch (error) {
      if ((error as { code?: string }).code === 'UND_ERR_BODY_TIMEOUT') return;
      throw this.#transport.errorOf(error, request);
    } finally {
      body.on('error', () => {}).destroy();
    }
  }

  #object(request: ApiRequest): Promise<KubeObject> {
    return this.#transport.json(request, objectLimits);
  }

  #write(request: ApiRequest): Promise<KubeObject> {
    return this.#transport.json(request, writeLimits);
  }
}

function collection(resource: Resource, namespace: string | undefined): string {
  return pathOf(resource, namespace === undefined ? {} : { namespace });
}
