import type { Logger } from 'pino';
import { backoffDelay } from '../backoff.ts';
import { type Clock, pause } from '../clock.ts';
import type { ApiClient, WatchEvent } from './api-client.ts';
import { errorOfWatchEvent, isApiError } from './api-error.ts';
import { type KubeObject, keyOf } from './kube-object.ts';
import { apiVersionOf, type Resource } from './resource.ts';
import type { Store } from './store.ts';

const pageSize = 500;

/** The API server sends a bookmark about once a minute: more than two missing mean that the connection is dead. */
const idleMs = 150_000;

/** Between attempts. The cap is low, so that an API server that comes back finds us within seconds; jitter spreads us. */
const backoff = { baseMs: 200, maxMs: 2000 };

/** A watch that ends sooner than this without one event is a failure, or a server that ends all at once would be stormed. */
const shortWatchMs = 1000;

export interface ReflectorOptions<T> {
  client: Pick<ApiClient, 'list' | 'watch'>;
  resource: Resource;
  labelSelector?: string;
  /** Shrinks an object to what is used: memory is objects × size. */
  transform: (object: KubeObject) => T;
  store: Store<T>;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
}

/**
 * Keeps a store equal to the API server's content: list, then watch from the list's version, resumed from the last version
 * seen whenever the watch ends, and listed again when that version is gone (410). The cases are those of client-go's reflector.
 */
export class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #log: Logger;
  #resourceVersion: string | undefined;
  readonly #firstList = Promise.withResolvers<void>();
  #hasSynced = false;
  #failures = 0;
  #reported = '';

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#log = options.log.child({ resource: options.resource.plural });
  }

  /** What it was made with: which objects, and where they are kept. */
  get options(): Readonly<ReflectorOptions<T>> {
    return this.#options;
  }

  /** Whether the store has held the whole content at least once. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Resolves as soon as `hasSynced` is true. */
  get synced(): Promise<void> {
    return this.#firstList.promise;
  }

  /** Runs until the signal is aborted. It never rejects: whatever fails is tried again. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#resourceVersion ??= await this.#list(signal);
        if (await this.#watch(this.#resourceVersion, signal)) this.#recovered();
        else this.#failures++;
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
      }
      if (this.#failures > 0) await pause(this.#options.clock, this.#delay(), signal);
    }
  }

  /** Reads every page into the store. @returns the version to watch from */
  async #list(signal: AbortSignal): Promise<string> {
    const { client, resource, labelSelector, store, transform } = this.#options;
    const objects = new Map<string, T>();
    const keep = (item: KubeObject) => {
      // Items of a list carry neither.
      const object = { ...item, apiVersion: apiVersionOf(resource), kind: resource.kind };
      objects.set(keyOf(object), transform(object));
    };
    let page = await client.list(resource, { labelSelector, limit: pageSize }, signal);
    page.items.forEach(keep);
    while (page.metadata.continue) {
      try {
        page = await client.list(
          resource,
          { labelSelector, limit: pageSize, continue: page.metadata.continue },
          signal,
        );
      } catch (error) {
        if (!isApiError(error, 'Gone')) throw error;
        // The pages are of a version that has been compacted meanwhile: all at once cannot be overtaken.
        objects.clear();
        page = await client.list(resource, { labelSelector }, signal);
      }
      page.items.forEach(keep);
    }
    store.replace(objects);
    this.#hasSynced = true;
    this.#firstList.resolve();
    this.#log.debug({ objects: objects.size, resourceVersion: page.metadata.resourceVersion }, 'listed');
    return page.metadata.resourceVersion;
  }

  /** Follows one watch to its end. @returns whether it was of use */
  async #watch(resourceVersion: string, signal: AbortSignal): Promise<boolean> {
    const { client, resource, labelSelector, clock, random } = this.#options;
    const started = clock.now();
    // Random, so that the watches of many clients do not end together.
    const timeoutSeconds = Math.round(300 + 300 * random());
    let events = 0;
    for await (const event of client.watch(
      resource,
      { labelSelector, resourceVersion, timeoutSeconds },
      idleMs,
      signal,
    )) {
      this.#take(event);
      events++;
      this.#recovered();
    }
    return events > 0 || clock.now() - started >= shortWatchMs;
  }

  #take({ type, object }: WatchEvent): void {
    if (type === 'ERROR') throw errorOfWatchEvent(object);
    const { store, transform } = this.#options;
    if (type === 'ADDED' || type === 'MODIFIED') store.set(keyOf(object), transform(object));
    else if (type === 'DELETED') store.delete(keyOf(object));
    // Of a newer server, perhaps: the version still counts.
    else if (type !== 'BOOKMARK') this.#log.warn({ type }, 'a watch event of an unknown type');
    this.#resourceVersion = object.metadata.resourceVersion;
  }

  #failed(error: unknown): void {
    this.#failures++;
    if (isApiError(error, 'Gone')) {
      this.#log.info({ resourceVersion: this.#resourceVersion }, 'the version is gone; listing again');
      this.#resourceVersion = undefined;
      return;
    }
    const { message } = error as Error;
    // Once for each new reason: the retries would fill the log.
    if (message !== this.#reported) this.#log.warn({ err: error }, this.#advice(error));
    this.#reported = message;
  }

  #advice(error: unknown): string {
    const { plural, group } = this.#options.resource;
    if (isApiError(error, 'Forbidden'))
      return `may not list and watch ${plural}; grant it in the ClusterRole; trying again`;
    if (isApiError(error, 'NotFound'))
      return `the API server has no ${plural} in group ${group || 'core'}; apply the CRD; trying again`;
    return `cannot list and watch ${plural}; trying again`;
  }

  #recovered(): void {
    if (this.#reported !== '') this.#log.info('list and watch work again');
    this.#failures = 0;
    this.#reported = '';
  }

  #delay(): number {
    return backoffDelay(this.#failures, backoff, this.#options.random);
  }
}
