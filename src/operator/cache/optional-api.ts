import type { Logger } from 'pino';
import { type Clock, pause } from '../../base/clock.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { isServed, saysNotServed } from '../kube/discovery.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';
import { Reflector } from './reflector.ts';
import { Store } from './store.ts';

/**
 * Interval of checks for an API that is not served. Watching CustomResourceDefinitions instead would need a permission
 * for them.
 */
const checkIntervalMs = 10_000;

/** The same after a check without a response. */
const retryMs = 1000;

type Client = Pick<ApiClient, 'served' | 'list' | 'watch'>;

export interface OptionalApiOptions {
  client: Client;
  resource: Resource;
  labelSelector: string;
  /** Extracts what is used of an object. */
  transform: (object: KubeObject) => KubeObject;
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
 * absence is not a failure.
 */
export class OptionalApi {
  readonly resource: Resource;
  readonly store = new Store<KubeObject>();
  readonly #options: OptionalApiOptions;
  readonly #log: Logger;
  readonly #firstAnswer = Promise.withResolvers<void>();
  #watch: { end: AbortController; reflector: Reflector<KubeObject>; running: Promise<void> } | undefined;

  constructor(options: OptionalApiOptions) {
    this.#options = options;
    this.resource = options.resource;
    this.#log = options.log.child({ resource: options.resource.plural });
  }

  /** Whether the API is served and the store has synced. */
  get available(): boolean {
    return this.#watch?.reflector.hasSynced ?? false;
  }

  /** Resolves once it is first known whether the API is available. */
  get settled(): Promise<void> {
    return this.#firstAnswer.promise;
  }

  /**
   * Checks for the API, watches the kind while it is served, and checks again, until the signal is aborted. Never
   * rejects.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    while (!signal.aborted) {
      const answered = this.#watch !== undefined || (await this.#look(signal));
      await pause(clock, (answered ? checkIntervalMs : retryMs) * (0.75 + 0.5 * random()), signal);
    }
    await this.#watch?.running;
  }

  /** To be called when a response says that the kind is not served. */
  lost(): void {
    if (!this.#watch) return;
    this.#watch.end.abort(new Error(`${this.resource.plural} are no longer served`));
    this.#watch = undefined;
    this.#log.info('API is no longer served, checking periodically');
    this.store.replace(new Map());
    this.#options.onChange();
  }

  /** @returns false without a response of the API server */
  async #look(signal: AbortSignal): Promise<boolean> {
    const { client } = this.#options;
    try {
      if (await isServed(client, this.resource, signal)) this.#follow(signal);
      else this.#firstAnswer.resolve();
      return true;
    } catch (error) {
      this.#log.debug({ err: error }, 'cannot check whether the API is served, will retry');
      return false;
    }
  }

  #follow(signal: AbortSignal): void {
    const { resource, labelSelector, transform, clock, random, log, onChange, onFault } = this.#options;
    const end = new AbortController();
    const { store } = this;
    const client = this.#watchingClient(end.signal);
    const reflector = new Reflector({ client, resource, labelSelector, transform, store, onFault, clock, random, log });
    this.#log.info('API is served');
    this.#watch = { end, reflector, running: reflector.run(AbortSignal.any([signal, end.signal])) };
    void reflector.synced.then(() => {
      if (end.signal.aborted) return;
      this.#firstAnswer.resolve();
      onChange();
    });
  }

  /** The client, which also notices responses that say that the kind is no longer served. */
  #watchingClient(ended: AbortSignal): Pick<ApiClient, 'list' | 'watch'> {
    const { client } = this.#options;
    const note = (error: unknown): void => {
      // A rejection is a response too: without the permission to list objects, there are none for this operator.
      if (isApiError(error) && error.status !== undefined) this.#firstAnswer.resolve();
      if (saysNotServed(error) && !ended.aborted) this.lost();
    };
    return {
      list: async (...call) => {
        try {
          return await client.list(...call);
        } catch (error) {
          note(error);
          throw error;
        }
      },
      watch: async (...call) => {
        try {
          return await client.watch(...call);
        } catch (error) {
          note(error);
          throw error;
        }
      },
    };
  }
}
