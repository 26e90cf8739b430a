import type { Logger } from 'pino';
import { backoffDelay } from '../../base/backoff.ts';
import { type Clock, pause } from '../../base/clock.ts';
import { MutationCache } from '../cache/mutation-cache.ts';
import { Reflector } from '../cache/reflector.ts';
import { Store } from '../cache/store.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { type ApiErrorCode, isApiError, isTransient } from '../kube/api-error.ts';
import { checkedPage } from '../kube/checked-answers.ts';
import { type KubeObject, keyOf } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';
import { LogDeduplicator } from '../log/log-deduplicator.ts';

/** Minimum time between writes, so that another client that keeps overwriting the object does not cause a fast loop. */
const intervalMs = 1000;

const backoff = { baseMs: 500, maxMs: 10_000 };

const failureLines = { read: 'cannot read object, will retry', write: 'cannot write object, will retry' };

/** The API server's errors if the object was created or changed since it was read. */
const outdated: ApiErrorCode[] = ['AlreadyExists', 'Conflict'];

/**
 * Creates the object, or applies the declaration to the observed one, but never to its replacement.
 * @throws ApiError
 */
export type Write = (declared: { metadata: object }) => Promise<void>;

/**
 * Brings the object to its desired state.
 * @param observed undefined if it does not exist
 * @returns whether something was changed
 */
export type Ensure = (observed: KubeObject | undefined, write: Write) => Promise<boolean>;

export interface SingletonReconcilerOptions {
  client: Pick<ApiClient, 'list' | 'watch' | 'create' | 'apply'>;
  resource: Resource;
  place: { namespace: string; name: string };
  /** Resync interval without changes, in milliseconds; never if absent. */
  lookMs?: number;
  /** The object could not be processed as observed. */
  onFault: (resource: Resource) => void;
  /** The obstacle has changed. */
  onObstacle: () => void;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
}

/** Reconciles one object of the operator itself: the leader reverts changes and recreates it after a deletion. */
export class SingletonReconciler {
  /** Every replica watches the object, so that a new leader starts with a synced cache. */
  readonly reflector: Reflector<KubeObject>;
  readonly #options: SingletonReconcilerOptions;
  readonly #objects = new Store<KubeObject>();
  readonly #written = new MutationCache<KubeObject>();
  readonly #reports = new LogDeduplicator();
  #obstacle: string | undefined;
  #wake = () => {};

  constructor(options: SingletonReconcilerOptions) {
    this.#options = options;
    const { client, resource, place, onFault, clock, random, log } = options;
    this.#objects.onChange(({ before, after }) => {
      if (before && before.metadata.uid !== after?.metadata.uid) this.#written.forget(before.metadata.uid);
      this.#wake();
    });
    this.#objects.onRewound(() => {
      this.#written.clear();
      this.#wake();
    });
    this.reflector = new Reflector({
      ...{ client, resource, scope: place, store: this.#objects, transform: (object) => object },
      ...{ onFault, clock, random, log },
    });
  }

  /** As the watch shows it; undefined if it does not exist. */
  get watched(): KubeObject | undefined {
    return this.#objects.get(keyOf({ metadata: this.#options.place }));
  }

  /** Why the object cannot be reconciled; undefined if it can. */
  get obstacle(): string | undefined {
    return this.#obstacle;
  }

  /**
   * Reconciles now and after each change, until the signal is aborted. Never rejects; retries failures with back-off. A
   * write in flight is completed: the Lease can only be released once its effect is known. The object is first read
   * from the API server, because the watch may not have shown yet what another leader wrote.
   */
  async keep(ensure: Ensure, signal: AbortSignal): Promise<void> {
    const { clock, random, lookMs } = this.#options;
    let isRead = false;
    for (let failures = 0; !signal.aborted; ) {
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      try {
        const observed = isRead ? this.#observed() : await this.#read(signal);
        isRead = true;
        const hasWritten = await this.#ensure(ensure, observed);
        failures = 0;
        this.#reports.forget('');
        this.#obstacleIs(undefined);
        if (hasWritten) await pause(clock, intervalMs, signal);
        else await pause(clock, lookMs, AbortSignal.any([signal, changed.signal]));
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error, isRead ? 'write' : 'read', ++failures);
        await pause(clock, backoffDelay(failures, backoff, random), signal);
      }
    }
  }

  /** Reconciles once, after `keep` has ended. Never rejects; a failure is only logged. */
  async once(ensure: Ensure): Promise<void> {
    try {
      await this.#ensure(ensure, this.#observed());
    } catch (error) {
      const { resource, place, log } = this.#options;
      log.warn({ object: `${resource.kind} ${place.name}`, err: error }, 'cannot write object');
    }
  }

  #observed(): KubeObject | undefined {
    const { watched } = this;
    return watched && this.#written.newest(watched);
  }

  /** The newest version at the API server: a list without a version is never of an older one (KEP-2340). */
  async #read(signal: AbortSignal): Promise<KubeObject | undefined> {
    const { client, resource, place } = this.#options;
    const selection = { namespace: place.namespace, fieldSelector: `metadata.name=${place.name}`, limit: 1 };
    const [object] = checkedPage(await client.list(resource, selection, signal), resource).items;
    if (object) this.#note(object);
    return object;
  }

  async #ensure(ensure: Ensure, observed: KubeObject | undefined): Promise<boolean> {
    const { client, resource, place } = this.#options;
    return ensure(observed, async (declared) => {
      if (!observed) await client.create(resource, place.namespace, declared);
      else {
        const metadata = { ...declared.metadata, uid: observed.metadata.uid };
        this.#note(await client.apply(resource, place, { ...declared, metadata }));
      }
    });
  }

  /** Only of the current object: a response may come after the watch has shown the deletion. */
  #note(object: KubeObject): void {
    this.#written.clear();
    this.#written.note(object);
  }

  #failed(error: unknown, failed: 'read' | 'write', failures: number): void {
    const { resource, place, log } = this.#options;
    if (isApiError(error, ...outdated)) return;
    const object = `${resource.kind} ${place.name}`;
    if (this.#reports.isNew('', String(error))) log.warn({ object, err: error }, failureLines[failed]);
    // A single request that fails in passing is no obstacle.
    if (failures > 1 || !isTransient(error))
      this.#obstacleIs(`cannot ${failed} ${object}: ${(error as Error).message}`);
  }

  #obstacleIs(obstacle: string | undefined): void {
    if (obstacle === this.#obstacle) return;
    this.#obstacle = obstacle;
    this.#options.onObstacle();
  }
}
