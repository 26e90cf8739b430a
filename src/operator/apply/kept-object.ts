import type { Logger } from 'pino';
import { backoffDelay } from '../../base/backoff.ts';
import { type Clock, pause } from '../../base/clock.ts';
import { LatestWrites } from '../cache/latest-writes.ts';
import { Reflector } from '../cache/reflector.ts';
import { Store } from '../cache/store.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { type ApiErrorCode, isApiError } from '../kube/api-error.ts';
import { type KubeObject, keyOf } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';
import { ReportOnce } from '../log/report-once.ts';

/** Between one write and the next: someone who keeps changing it back is not to be fought at the speed of the API server. */
const intervalMs = 1000;

const backoff = { baseMs: 500, maxMs: 10_000 };

/** What the API server says when the object came, went or changed since we saw it. */
const outdated: ApiErrorCode[] = ['AlreadyExists', 'Conflict'];

/** Makes the object that was observed what is declared, and nothing that has come in its place since. @throws ApiError */
export type Write = (declared: { metadata: object }) => Promise<void>;

/**
 * Has the object be as it should.
 * @param observed what there is of it; undefined: nothing
 * @returns whether something had to be changed
 */
export type Mend = (observed: KubeObject | undefined, write: Write) => Promise<boolean>;

export interface KeptObjectOptions {
  client: Pick<ApiClient, 'list' | 'watch' | 'create' | 'apply'>;
  resource: Resource;
  place: { namespace: string; name: string };
  /** How often it is looked at though nothing has changed, in milliseconds; left out: never. */
  lookMs?: number;
  /** There is an obstacle, another one or none any more. */
  onObstacle: () => void;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
}

/** An object of our own, the only one of its name, which the leader keeps as it should be, whoever changes or deletes it. */
export class KeptObject {
  /** Every operator watches it, so that a leader begins with what is there. */
  readonly reflector: Reflector<KubeObject>;
  readonly #options: KeptObjectOptions;
  readonly #objects = new Store<KubeObject>();
  readonly #written = new LatestWrites<KubeObject>();
  /** About the one thing that it does. */
  readonly #reports = new ReportOnce();
  #obstacle: string | undefined;
  #wake = () => {};

  constructor(options: KeptObjectOptions) {
    this.#options = options;
    const { client, resource, place, clock, random, log } = options;
    this.#objects.onChange(({ before, after }) => {
      if (before && before.metadata.uid !== after?.metadata.uid) this.#written.forget(before.metadata.uid);
      this.#wake();
    });
    this.#objects.onRewound(() => {
      this.#written.clear();
      this.#wake();
    });
    this.reflector = new Reflector({
      ...{ client, resource, scope: place, store: this.#objects, transform: (object) => object, clock, random, log },
    });
  }

  /** Why it cannot be kept, for people; undefined where it can. */
  get obstacle(): string | undefined {
    return this.#obstacle;
  }

  /** Mends it at once and after each change, until the signal is aborted. It never rejects: what fails is tried again. */
  async keep(mend: Mend, signal: AbortSignal): Promise<void> {
    const { clock, random, lookMs } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      try {
        const mended = await this.#mend(mend, signal);
        failures = 0;
        this.#reports.forget('');
        this.#obstacleIs(undefined);
        if (mended) await pause(clock, intervalMs, signal);
        else await pause(clock, lookMs, AbortSignal.any([signal, changed.signal]));
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(error);
        await pause(clock, backoffDelay(++failures, backoff, random), signal);
      }
    }
  }

  async #mend(mend: Mend, signal: AbortSignal): Promise<boolean> {
    const { client, resource, place } = this.#options;
    const watched = this.#objects.get(keyOf({ metadata: place }));
    const observed = watched && this.#written.newest(watched);
    return mend(observed, async (declared) => {
      if (!observed) await client.create(resource, place.namespace, declared, signal);
      else {
        const metadata = { ...declared.metadata, uid: observed.metadata.uid };
        this.#written.note(await client.apply(resource, place, { ...declared, metadata }, signal));
      }
    });
  }

  #failed(error: unknown): void {
    const { resource, place, log } = this.#options;
    if (isApiError(error, ...outdated)) return;
    const object = `${resource.kind} ${place.name}`;
    if (this.#reports.isNew('', String(error))) log.warn({ object, err: error }, 'cannot write object, will retry');
    this.#obstacleIs(`cannot write ${object}: ${(error as Error).message}`);
  }

  #obstacleIs(obstacle: string | undefined): void {
    if (obstacle === this.#obstacle) return;
    this.#obstacle = obstacle;
    this.#options.onObstacle();
  }
}
