import type { Logger } from 'pino';
import { backoffDelay } from '../../base/backoff.ts';
import { type Clock, pause } from '../../base/clock.ts';
import { errorText } from '../../base/error-text.ts';
import { type ApiClient, oversizedEvent } from '../kube/api-client.ts';
import { ApiError, type ApiErrorCode, errorOfWatchEvent, isApiError } from '../kube/api-error.ts';
import { checkedEvent, checkedPage } from '../kube/checked-answers.ts';
import { type KubeObject, keyOf } from '../kube/kube-object.ts';
import { type Resource, titleOf } from '../kube/resource.ts';
import { leastDelay } from '../kube/retry.ts';
import { LogDeduplicator } from '../log/log-deduplicator.ts';
import { isNewer } from './mutation-cache.ts';
import { ObjectPages, type Selection } from './object-pages.ts';
import { SkippedObjects } from './skipped-objects.ts';
import type { Store, StoredObject } from './store.ts';

/**
 * A watch that says nothing for so long is resumed, since a half-open connection says nothing either. Where anything
 * happens the API server sends a bookmark every minute; on a kind without news this costs one request.
 */
const usualIdleMs = 75_000;

/** Back-off of attempts. The maximum is low, so that the cache syncs within seconds after the API server recovers. */
const backoff = { baseMs: 200, maxMs: 2000 };

/** A watch that lasts this long works, so the next failure starts with the shortest delay. */
const steadyMs = 10_000;

/** Errors that last until someone fixes the cause, while the cache becomes stale. */
const lasting: ApiErrorCode[] = ['Forbidden', 'NotFound', 'TooLarge', 'Unauthorized', 'Untrusted'];

const failureLines = { list: 'cannot list, will retry', watch: 'cannot watch, will retry' };

const missingDefinitionAdvice = 'apply the CustomResourceDefinition in manifests/install.yaml';

export interface ReflectorOptions<T> {
  client: Pick<ApiClient, 'list' | 'watch'>;
  resource: Resource;
  labelSelector?: string | undefined;
  /** Keeps to one namespace, and perhaps to its one object of a name; left out: to none. */
  scope?: { namespace: string; name?: string };
  /** A watch that says nothing for so long is resumed, in milliseconds; left out: a little more than a minute. */
  idleMs?: number;
  /** Extracts what is used of an object, to save memory; undefined leaves the object out. */
  transform: (object: KubeObject) => T | undefined;
  store: Store<T>;
  /**
   * A list begins: `transform` is called for all objects that the store does not have in their current version, and
   * those that are gone leave the store.
   */
  onList?: (() => void) | undefined;
  /** An object could not be processed, so its change may not have had all of its effects. */
  onFault: (resource: Resource) => void;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
}

/**
 * Keeps a store equal to the API server's content: list, then watch from the list's version, resumed from the last
 * version seen whenever the watch ends, and listed again when that version is gone (410). The cases are those of
 * client-go's reflector.
 *
 * The list is paged and consistent. Since Kubernetes 1.34 the API server answers such pages from snapshots of its watch
 * cache (KEP-4988), before that from etcd. `resourceVersion=0` is from the cache everywhere, but in one body whatever
 * the limit is: 5,000 pods are some 40 MB of JSON, which would set our memory's peak, and may be older than what we
 * have seen. A streamed list (KEP-3157) is not on by default in 1.31, 1.33 and before, so the pages would be needed
 * besides. The same reason is why pages that are gone are begun again, and not read as a whole as client-go does.
 */
export class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #log: Logger;
  readonly #firstList = Promise.withResolvers<void>();
  readonly #reports: LogDeduplicator;
  readonly #pages: ObjectPages;
  readonly #skipped = new SkippedObjects();
  #resourceVersion: string | undefined;
  /**
   * Whether the version may be one that the server does not have yet: since it was seen, a watch failed or said
   * nothing.
   */
  #isDoubtful = false;
  #hasSynced = false;
  #problem: { message: string; lasting: boolean } | undefined;
  /** When the current watch was opened. */
  #watchingSince: number | undefined;
  #failures = 0;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#log = options.log.child({ resource: options.resource.plural });
    this.#reports = new LogDeduplicator(options.clock);
    this.#pages = new ObjectPages(options.client, options.resource);
    options.store.onFault((key, error) => this.#cannotProcess(key, error));
  }

  /** The options with which it was constructed. */
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

  /**
   * Why the store does not hold the content, or will not for much longer, for people: nothing has been listed yet, or
   * someone has to mend what keeps us from going on. Undefined also while the API server is away: it comes back.
   */
  get obstacle(): string | undefined {
    if (!this.#hasSynced) return this.#problem?.message ?? `waiting for the first list of ${this.#title}`;
    return this.#problem?.lasting ? this.#problem.message : undefined;
  }

  /** What people should know although the store has synced, each in a sentence. */
  get notices(): string[] {
    const sentences = [this.#skipped.sentenceFor(this.#title), this.#pages.noticeFor(this.#title)];
    return sentences.filter((sentence) => sentence !== undefined);
  }

  /** Runs until the signal is aborted. Never rejects; retries failures with back-off. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let error: unknown;
      try {
        const isRewound = await this.#isRewound(signal);
        if (isRewound) this.#resourceVersion = undefined;
        this.#resourceVersion ??= await this.#list(signal);
        if (isRewound) this.#options.store.rewound();
        await this.#watch(this.#resourceVersion, signal);
      } catch (caught) {
        if (signal.aborted) return;
        error = caught;
        this.#isDoubtful = true;
        this.#failed(error);
      }
      const steady = this.#wasSteady();
      if (steady) {
        this.#failures = 0;
        this.#reports.forget('');
      }
      if (steady && error === undefined) continue;
      this.#failures++;
      await pause(this.#options.clock, this.#delay(error), signal);
    }
  }

  /**
   * Whether the server's history is another one, which is behind what was seen: etcd was restored from a backup. A
   * watch from a version that is yet to come is not refused, it says nothing until that version has come, and then
   * leaves out all that came before. A list that asks for no version is of the newest one there is (KEP-2340), and
   * never behind.
   */
  async #isRewound(signal: AbortSignal): Promise<boolean> {
    if (this.#resourceVersion === undefined || !this.#isDoubtful) return false;
    const { client, resource } = this.#options;
    const answer = await client.list(resource, { ...this.#selection, limit: 1 }, signal);
    const { resourceVersion } = checkedPage(answer, resource).metadata;
    this.#isDoubtful = false;
    if (!isNewer(this.#resourceVersion, resourceVersion)) return false;
    this.#log.warn(
      { seen: this.#resourceVersion, resourceVersion },
      'resource version went backwards, as after a restore of etcd; listing again',
    );
    return true;
  }

  /** Reads every page into the store. @returns the version to watch from */
  async #list(signal: AbortSignal): Promise<string> {
    const { store } = this.#options;
    this.#watchingSince = undefined;
    const objects = new Map<string, StoredObject<T>>();
    this.#skipped.clear();
    this.#options.onList?.();
    const take = (object: KubeObject) => {
      const stored = this.#storedOf(object);
      if (stored) objects.set(keyOf(object), stored);
    };
    const version = await this.#pages.read(this.#selection, take, signal);
    store.replace(objects);
    this.#hasSynced = true;
    this.#firstList.resolve();
    this.#log.debug({ objects: objects.size, resourceVersion: version }, 'listed');
    return version;
  }

  /** Runs one watch until it ends. */
  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, resource, clock, random, idleMs = usualIdleMs } = this.#options;
    this.#watchingSince = undefined;
    // Random, so that the watches of many clients do not end together.
    const timeoutSeconds = Math.round(300 + 300 * random());
    const events = await client.watch(
      resource,
      { ...this.#selection, resourceVersion, timeoutSeconds },
      idleMs,
      signal,
    );
    this.#watchingSince = clock.monotonic();
    this.#works();
    for await (const event of events) this.#take(event);
    this.#isDoubtful = this.#resourceVersion === resourceVersion;
  }

  #take(answer: unknown): void {
    if (answer === oversizedEvent) {
      // Its name is unknown. The next list reads the object, or is refused too.
      this.#skipped.add('(too large to be read)');
      this.#cannotProcess('', new ApiError('TooLarge', 'a watch event is too large to be read'));
      return;
    }
    const { store, resource } = this.#options;
    const { type, object } = checkedEvent(answer, resource);
    if (type === 'ERROR') throw errorOfWatchEvent(object);
    const { resourceVersion } = object.metadata;
    // Told a second time, perhaps by a server that is behind: what came after it is in the store already.
    if (!isNewer(resourceVersion, this.#resourceVersion!)) return;
    if (type === 'ADDED' || type === 'MODIFIED') {
      const stored = this.#storedOf(object);
      if (stored) store.set(keyOf(object), stored.object, stored.version, stored.uid);
      else store.delete(keyOf(object));
    } else if (type === 'DELETED') {
      this.#skipped.delete(keyOf(object));
      store.delete(keyOf(object));
    }
    // Of a newer server, perhaps: the version still counts.
    else if (type !== 'BOOKMARK') this.#log.warn({ type }, 'ignoring watch event of unknown type');
    this.#resourceVersion = resourceVersion;
  }

  /**
   * What to store of an object; undefined to leave it out. If an object cannot be processed, the version before stays,
   * unless that was a deleted object of the same name: one such object must not keep the others from being known.
   */
  #storedOf(object: KubeObject): StoredObject<T> | undefined {
    const key = keyOf(object);
    const { uid, resourceVersion: version } = object.metadata;
    const known = this.#options.store.entry(key);
    // In a list after the first one most objects are unchanged. The store would ignore a second copy of them.
    if (known?.uid === uid && known?.version === version) return known;
    try {
      const transformed = this.#options.transform(object);
      this.#skipped.delete(key);
      return transformed === undefined ? undefined : { object: transformed, uid, version };
    } catch (error) {
      this.#skipped.add(key);
      this.#cannotProcess(key, error);
      return known?.uid === uid ? known : undefined;
    }
  }

  #cannotProcess(key: string, error: unknown): void {
    // Once for each reason: there may be thousands of objects. The metrics count them.
    const isNew = this.#reports.isNew('object', errorText(error));
    this.#log[isNew ? 'error' : 'debug']({ err: error, key }, 'cannot process object, continuing with the others');
    this.#options.onFault(this.#options.resource);
  }

  #failed(error: unknown): void {
    if (isApiError(error, 'Gone')) {
      const { message } = error;
      if (this.#reports.isNew('', 'gone')) this.#log.info({ message }, 'resource version expired, listing again');
      this.#resourceVersion = undefined;
      return;
    }
    const failed = this.#resourceVersion === undefined ? 'list' : 'watch';
    const { message } = error as Error;
    const advice = isApiError(error, 'NotFound') ? missingDefinitionAdvice : undefined;
    this.#problem = {
      message: [`cannot ${failed} ${this.#title}: ${message}`, ...(advice === undefined ? [] : [advice])].join('; '),
      lasting: isApiError(error, ...lasting),
    };
    if (this.#reports.isNew('', `${failed}: ${message}`)) this.#log.warn({ err: error, advice }, failureLines[failed]);
  }

  #works(): void {
    const fact = 'list and watch succeeded again';
    if (this.#problem && this.#reports.isNew('', fact)) this.#log.info(fact);
    this.#problem = undefined;
  }

  #wasSteady(): boolean {
    return this.#watchingSince !== undefined && this.#options.clock.monotonic() - this.#watchingSince >= steadyMs;
  }

  #delay(error: unknown): number {
    const { random } = this.#options;
    return Math.max(backoffDelay(this.#failures, backoff, random), leastDelay(error, random));
  }

  /** Which objects are asked for. */
  get #selection(): Selection {
    const { labelSelector, scope } = this.#options;
    if (!scope) return { labelSelector };
    const { namespace, name } = scope;
    return { labelSelector, namespace, ...(name !== undefined && { fieldSelector: `metadata.name=${name}` }) };
  }

  get #title(): string {
    return titleOf(this.#options.resource);
  }
}
