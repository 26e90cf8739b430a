import type { Logger } from 'pino';
import { type Clock, pause } from '../../base/clock.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { isServed, saysNotServed } from '../kube/discovery.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';
import { Reflector } from './reflector.ts';
import { Store } from './store.ts';

/** How often a kind that is not served is asked for. To follow the definitions instead would need a right to read them. */
const lookAgainMs = 10_000;

/** The same after an attempt that got no answer. */
const retryMs = 1000;

type Client = Pick<ApiClient, 'served' | 'list' | 'watch'>;

export interface OptionalKindOptions {
  client: Client;
  resource: Resource;
  labelSelector: string;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** An object could not be processed. */
  onFault?: (resource: Resource) => void;
  /** Called when the kind has become available or has gone. */
  onChange: () => void;
}

/**
 * A kind that a cluster may have or not, and may get or lose at any time. It is watched for as long as it is served; that it is
 * not is no failure.
 */
export class OptionalKind {
  readonly resource: Resource;
  readonly store = new Store<KubeObject>();
  readonly #options: OptionalKindOptions;
  readonly #log: Logger;
  readonly #firstAnswer = Promise.withResolvers<void>();
  #watch: { end: AbortController; reflector: Reflector<KubeObject>; running: Promise<void> } | undefined;

  constructor(options: OptionalKindOptions) {
    this.#options = options;
    this.resource = options.resource;
    this.#log = options.log.child({ resource: options.resource.plural });
  }

  /** Whether the kind is served and the store holds its objects. */
  get available(): boolean {
    return this.#watch?.reflector.hasSynced ?? false;
  }

  /** Resolves once it is known for the first time whether the kind is available. */
  get settled(): Promise<void> {
    return this.#firstAnswer.promise;
  }

  /** Looks for the kind, follows it and looks again, until the signal is aborted. It never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    while (!signal.aborted) {
      const answered = this.#watch !== undefined || (await this.#look(signal));
      await pause(clock, (answered ? lookAgainMs : retryMs) * (0.75 + 0.5 * random()), signal);
    }
    await this.#watch?.running;
  }

  /** To be told by whoever was answered that the kind is not served. */
  lost(): void {
    if (!this.#watch) return;
    this.#watch.end.abort(new Error(`${this.resource.plural} are no longer served`));
    this.#watch = undefined;
    this.#log.info('API is no longer served, checking periodically');
    this.store.replace(new Map());
    this.#options.onChange();
  }

  /** @returns false where the API server did not answer */
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
    const { resource, labelSelector, clock, random, log, onChange, onFault } = this.#options;
    const end = new AbortController();
    const { store } = this;
    const transform = (object: KubeObject) => object;
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

  /** The client, with an eye on answers that say that the kind has gone. */
  #watchingClient(ended: AbortSignal): Pick<ApiClient, 'list' | 'watch'> {
    const { client } = this.#options;
    const note = (error: unknown): void => {
      // What the API server refuses is an answer too: without the right to list them, there are none for us.
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
