import type { Logger } from 'pino';
import { type Clock, pause } from '../../base/clock.ts';
import { errorText } from '../../base/error-text.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { type ApiErrorCode, isApiError } from '../kube/api-error.ts';
import { isServed, saysNotServed } from '../kube/discovery.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { type Resource, titleOf } from '../kube/resource.ts';
import { leastDelay } from '../kube/retry.ts';
import { LogDeduplicator } from '../log/log-deduplicator.ts';
import { Reflector } from './reflector.ts';
import type { Store } from './store.ts';

/**
 * Interval of checks for an API that is not served. Watching CustomResourceDefinitions instead would need a permission
 * for them.
 */
const checkIntervalMs = 10_000;

/** The same after a check that failed. */
const retryMs = 1000;

/** Without an answer for this long after the start, the API counts as absent until there is one. */
const settleMs = 10_000;

/** The operator is not permitted to know. */
const denied: ApiErrorCode[] = ['Unauthorized', 'Forbidden'];

const denialAdvice = 'bind the ClusterRole system:discovery to the ServiceAccount of the operator';

type Client = Pick<ApiClient, 'served' | 'list' | 'watch'>;

export interface OptionalApiOptions {
  client: Client;
  resource: Resource;
  labelSelector: string;
  store: Store<KubeObject>;
  /** Extracts what is used of an object. */
  transform: (object: KubeObject) => KubeObject;
  /** As of a reflector. */
  onList?: () => void;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** An object could not be processed. */
  onFault: (resource: Resource) => void;
  /** Called when the API becomes available or disappears. */
  onChange: () => void;
}

/**
 * A kind whose API may be installed or removed at any time, such as PodMonitor. It is watched while it is served; its
 * absence is not a failure. Only 404 means that it is absent. After 401 and 403 it is unknown, and people have to act;
 * after any other failure, the last answer still holds.
 */
export class OptionalApi {
  readonly resource: Resource;
  readonly store: Store<KubeObject>;
  readonly #options: OptionalApiOptions;
  readonly #log: Logger;
  readonly #reports: LogDeduplicator;
  readonly #firstAnswer = Promise.withResolvers<void>();
  #isSettled = false;
  #isAbsent = false;
  #denial: string | undefined;
  #watch: { end: AbortController; reflector: Reflector<KubeObject>; running: Promise<void> } | undefined;

  constructor(options: OptionalApiOptions) {
    this.#options = options;
    this.resource = options.resource;
    this.store = options.store;
    this.#log = options.log.child({ resource: options.resource.plural });
    this.#reports = new LogDeduplicator(options.clock);
  }

  /** Whether the API is served and its objects are known. */
  get available(): boolean {
    return this.#denial === undefined && (this.#watch?.reflector.hasSynced ?? false);
  }

  /** Whether the API server said that the API is not served. */
  get isAbsent(): boolean {
    return this.#isAbsent;
  }

  /** Why the operator may not find out about the API or its objects; undefined if it may. */
  get denial(): string | undefined {
    return this.#denial;
  }

  /** What people should know, each in a sentence. */
  get notices(): string[] {
    const denial = this.#denial;
    return [...(denial === undefined ? [] : [denial]), ...(this.#watch?.reflector.notices ?? [])];
  }

  /** Resolves once it is known whether the API is available, and after ten seconds even if it is not known. */
  get settled(): Promise<void> {
    return this.#firstAnswer.promise;
  }

  /**
   * Checks for the API, watches the kind while it is served, and checks again, until the signal is aborted. Never
   * rejects.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const cancel = clock.after(settleMs, () => {
      if (!this.#isSettled) this.#log.warn('no answer whether the API is served, continuing without it');
      this.#settle();
    });
    void this.settled.then(cancel);
    while (!signal.aborted) {
      const waitMs = this.#watch === undefined ? await this.#look(signal) : checkIntervalMs;
      await pause(clock, waitMs * (0.75 + 0.5 * random()), signal);
    }
    cancel();
    await this.#watch?.running;
  }

  /** To be called when a response says that the kind is not served. */
  lost(): void {
    if (!this.#watch) return;
    this.#watch.end.abort(new Error(`${this.resource.plural} are no longer served`));
    this.#watch = undefined;
    this.#isAbsent = true;
    this.#denial = undefined;
    this.#settle();
    this.#log.info('API is no longer served, checking periodically');
    this.store.replace(new Map());
    this.#options.onChange();
  }

  /** Asks whether the API is served. @returns when to ask again, in milliseconds */
  async #look(signal: AbortSignal): Promise<number> {
    const { client, random } = this.#options;
    try {
      const served = await isServed(client, this.resource, signal);
      this.#reports.forget('');
      this.#learned({ isAbsent: !served, denial: undefined });
      if (served) this.#follow(signal);
      return checkIntervalMs;
    } catch (error) {
      if (signal.aborted) return checkIntervalMs;
      const level = this.#reports.isNew('', errorText(error)) ? 'warn' : 'debug';
      this.#log[level]({ err: error }, 'cannot check whether the API is served, will retry');
      if (!isApiError(error, ...denied)) return Math.max(retryMs, leastDelay(error, random));
      const title = titleOf(this.resource);
      this.#learned({
        isAbsent: false,
        denial: `cannot find out whether ${title} is served: ${error.message}; ${denialAdvice}`,
      });
      return checkIntervalMs;
    }
  }

  #learned({ isAbsent, denial }: { isAbsent: boolean; denial: string | undefined }): void {
    const isNews = this.#isSettled && (denial !== this.#denial || (isAbsent && !this.#isAbsent));
    this.#isAbsent = isAbsent;
    this.#denial = denial;
    if (isAbsent || denial !== undefined) this.#settle();
    if (isNews) this.#options.onChange();
  }

  #settle(): void {
    this.#isSettled = true;
    this.#firstAnswer.resolve();
  }

  #follow(signal: AbortSignal): void {
    const { resource, labelSelector, transform, onList, clock, random, log, onChange, onFault } = this.#options;
    const end = new AbortController();
    const { store } = this;
    const client = this.#watchingClient(end.signal);
    const reflector = new Reflector({
      ...{ client, resource, labelSelector, transform, onList, store, onFault, clock, random, log },
    });
    this.#log.info('API is served');
    this.#watch = { end, reflector, running: reflector.run(AbortSignal.any([signal, end.signal])) };
    void reflector.synced.then(() => {
      if (end.signal.aborted) return;
      this.#settle();
      onChange();
    });
  }

  /** The client, which also notices responses that say that the kind is no longer served. */
  #watchingClient(ended: AbortSignal): Pick<ApiClient, 'list' | 'watch'> {
    const { client } = this.#options;
    const title = titleOf(this.resource);
    const noted = async <T>(answer: Promise<T>): Promise<T> => {
      try {
        return await answer;
      } catch (error) {
        if (isApiError(error, ...denied) && !ended.aborted)
          this.#learned({ isAbsent: false, denial: `cannot list and watch ${title}: ${error.message}` });
        if (saysNotServed(error) && !ended.aborted) this.lost();
        throw error;
      }
    };
    return {
      list: (...call) => noted(client.list(...call)),
      watch: async (...call) => {
        const events = await noted(client.watch(...call));
        if (!ended.aborted) this.#learned({ isAbsent: false, denial: undefined });
        return events;
      },
    };
  }
}
