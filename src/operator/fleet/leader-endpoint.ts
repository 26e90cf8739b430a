import type { Logger } from 'pino';
import { syncServiceName } from '../../../charts/operator-names.ts';
import { driftOf } from '../apply/drift.ts';
import { backoffDelay } from '../backoff.ts';
import { type Clock, pause } from '../clock.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { type ApiErrorCode, isApiError } from '../kube/api-error.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import { LatestWrites } from '../kube/latest-writes.ts';
import { narrowed } from '../kube/narrowed.ts';
import { Reflector } from '../kube/reflector.ts';
import type { Resource } from '../kube/resource.ts';
import { Store } from '../kube/store.ts';
import { ReportOnce } from '../report-once.ts';
import { untilAborted } from '../until-aborted.ts';
import { type Advertised, leaderEndpointSlice } from './endpoint-slice.ts';

/** Between one write and the next: someone who keeps changing it back is not to be fought at the speed of the API server. */
const intervalMs = 1000;

const backoff = { baseMs: 500, maxMs: 10_000 };

/** What the API server says when the object came, went or changed since we saw it. */
const outdated: ApiErrorCode[] = ['AlreadyExists', 'Conflict'];

type Client = Pick<ApiClient, 'list' | 'watch' | 'create' | 'apply' | 'delete'>;

/** Has the Service that agents call lead to the leader, and to nobody else. */
export class LeaderEndpoint {
  /** Every operator watches it, so that a leader begins with what is there. */
  readonly reflector: Reflector<KubeObject>;
  readonly #client: Client;
  readonly #resource: Resource;
  readonly #namespace: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Logger;
  readonly #slices = new Store<KubeObject>();
  readonly #written = new LatestWrites<KubeObject>();
  readonly #reports = new ReportOnce();
  #wake = () => {};

  constructor(options: {
    client: Client;
    resource: Resource;
    /** The operator's own. */
    namespace: string;
    clock: Clock;
    /** Uniform in [0, 1). */
    random: () => number;
    log: Logger;
  }) {
    const { client, resource, namespace, clock, random, log } = options;
    this.#client = client;
    this.#resource = resource;
    this.#namespace = namespace;
    this.#clock = clock;
    this.#random = random;
    this.#log = log;
    this.#slices.onChange(() => this.#wake());
    this.#slices.onRewound(() => {
      this.#written.clear();
      this.#wake();
    });
    this.reflector = new Reflector({
      client: narrowed(client, { namespace, name: syncServiceName }),
      ...{ resource, store: this.#slices, transform: (object) => object, clock, random, log },
    });
  }

  /** Points the Service at this address, and keeps it so until the signal is aborted. It never rejects. */
  async keep(advertised: Advertised, signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      try {
        if (await this.#mend(advertised, signal)) await pause(this.#clock, intervalMs, signal);
        else await untilAborted(AbortSignal.any([signal, changed.signal]));
        failures = 0;
        this.#reports.forget('');
      } catch (error) {
        if (signal.aborted) return;
        if (!isApiError(error, ...outdated) && this.#reports.isNew('', String(error)))
          this.#log.warn({ err: error }, 'agents cannot be led to this operator; trying again');
        await pause(this.#clock, backoffDelay(++failures, backoff, this.#random), signal);
      }
    }
  }

  /** @returns whether something had to be written */
  async #mend(advertised: Advertised, signal: AbortSignal): Promise<boolean> {
    const declared = leaderEndpointSlice(advertised, this.#namespace);
    const place = { namespace: this.#namespace, name: syncServiceName };
    const watched = this.#slices.get(`${place.namespace}/${place.name}`);
    const observed = watched && this.#written.newest(watched);
    if (observed && driftOf(declared, observed).length === 0) return false;
    if (observed && observed.addressType !== declared.addressType) {
      // The family of a slice is for good.
      await this.#client.delete(this.#resource, place, observed.metadata.uid, signal);
      return true;
    }
    if (observed) {
      const metadata = { ...declared.metadata, uid: observed.metadata.uid };
      this.#written.note(await this.#client.apply(this.#resource, place, { ...declared, metadata }, signal));
    } else await this.#client.create(this.#resource, place.namespace, declared, signal);
    this.#log.info({ ...advertised }, 'agents are led to this operator');
    return true;
  }
}
