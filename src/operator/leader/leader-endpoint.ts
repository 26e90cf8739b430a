import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { syncServiceName } from '../../contract/operator-names.ts';
import { driftOf } from '../apply/drift.ts';
import { SingletonReconciler } from '../apply/singleton-reconciler.ts';
import type { Reflector } from '../cache/reflector.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';
import { type Advertised, addressIn, leaderEndpointSlice } from './endpoint-slice.ts';

export interface LeaderEndpointOptions {
  client: Pick<ApiClient, 'list' | 'watch' | 'create' | 'apply' | 'delete'>;
  resource: Resource;
  /** The operator's own. */
  namespace: string;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** The EndpointSlice could not be processed as observed. */
  onFault: (resource: Resource) => void;
  /** The obstacle has changed. */
  onObstacle: () => void;
}

/** Points the Service that agents call to the leader. */
export class LeaderEndpoint {
  readonly #options: LeaderEndpointOptions;
  readonly #place: { namespace: string; name: string };
  readonly #slice: SingletonReconciler;

  constructor(options: LeaderEndpointOptions) {
    this.#options = options;
    this.#place = { namespace: options.namespace, name: syncServiceName };
    this.#slice = new SingletonReconciler({ ...options, place: this.#place });
  }

  get reflector(): Reflector<KubeObject> {
    return this.#slice.reflector;
  }

  /** The address to which the Service points; undefined if it points to none. */
  get address(): string | undefined {
    return addressIn(this.#slice.watched);
  }

  /** Why the EndpointSlice cannot be written; undefined if it can. */
  get obstacle(): string | undefined {
    return this.#slice.obstacle;
  }

  /** Points the Service to this address until the signal is aborted. Never rejects. */
  keep(advertised: Advertised, signal: AbortSignal): Promise<void> {
    const { client, resource, namespace, log } = this.#options;
    const declared = leaderEndpointSlice(advertised, namespace);
    return this.#slice.keep(async (observed, write) => {
      if (observed && driftOf(declared, observed).length === 0) return false;
      if (observed && observed.addressType !== declared.addressType) {
        // The address family of an EndpointSlice is immutable.
        await client.delete(resource, this.#place, observed.metadata.uid);
        return true;
      }
      await write(declared);
      log.info({ ...advertised }, 'EndpointSlice points to this operator');
      return true;
    }, signal);
  }

  /**
   * Lets the Service lead nowhere if it still points to this address, so that agents are refused at once until there is
   * another leader. Never rejects.
   */
  withdraw(advertised: Advertised): Promise<void> {
    const { namespace, log } = this.#options;
    const declared = leaderEndpointSlice(advertised, namespace);
    return this.#slice.once(async (observed, write) => {
      if (!observed || driftOf(declared, observed).length > 0) return false;
      declared.endpoints = [];
      await write(declared);
      log.info('EndpointSlice points to no operator');
      return true;
    });
  }
}
