import type { Clock } from '../../base/clock.ts';
import { apiUses } from '../../contract/api-uses.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { ApiError } from '../kube/api-error.ts';
import { apiVersionOf, type Resource } from '../kube/resource.ts';
import type { Lease, LeaseSpec } from './lease.ts';

export const leases: Resource = apiUses.leases;

/** Where the Lease is. */
export interface LeasePlace {
  namespace: string;
  name: string;
}

/** No call may take longer, so that there is time for several before the renew deadline. */
const callTimeoutMs = 3000;

/** Reads and writes the one Lease. Every method throws ApiError. */
export class LeaseAccess {
  readonly #client: Pick<ApiClient, 'get' | 'create' | 'mergePatch'>;
  readonly #place: LeasePlace;
  readonly #clock: Clock;

  constructor(client: Pick<ApiClient, 'get' | 'create' | 'mergePatch'>, place: LeasePlace, clock: Clock) {
    this.#client = client;
    this.#place = place;
    this.#clock = clock;
  }

  /** @returns undefined where there is none */
  read(): Promise<Lease | undefined> {
    return this.#within((signal) => this.#client.get(leases, this.#place, signal));
  }

  /**
   * Writes over this version and no other.
   * @param resourceVersion undefined: creates it
   * @throws ApiError Conflict, AlreadyExists or NotFound where someone else was there before
   */
  write(spec: LeaseSpec, resourceVersion: string | undefined): Promise<Lease> {
    if (resourceVersion !== undefined) {
      // A patch, so that fields which we do not know survive.
      const patch = { metadata: { resourceVersion }, spec };
      return this.#within((signal) => this.#client.mergePatch(leases, this.#place, patch, signal));
    }
    const object = { apiVersion: apiVersionOf(leases), kind: leases.kind, metadata: this.#place, spec };
    return this.#within((signal) => this.#client.create(leases, this.#place.namespace, object, signal));
  }

  async #within<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const end = new AbortController();
    const timeout = new ApiError('Timeout', `no response from the API server within ${callTimeoutMs / 1000} s`);
    const cancel = this.#clock.after(callTimeoutMs, () => end.abort(timeout));
    try {
      return await call(end.signal);
    } catch (error) {
      // The client only knows that its caller aborted the request.
      throw end.signal.aborted ? timeout : error;
    } finally {
      cancel();
    }
  }
}
