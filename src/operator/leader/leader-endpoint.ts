import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { syncServiceName } from '../../contract/operator-names.ts';
import { driftOf } from '../apply/drift.ts';
import { SingletonReconciler } from '../apply/singleton-reconciler.ts';
import type { Reflector } from '../cache/reflector.ts';
import type { ApiClient } from '../kube/api-client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';
import { type Advertised, leaderEndpointSlice } from './endpoint-slice.ts';

export interface LeaderEndpointOptions {
  client: Pick<ApiClient, 'list' | 'watch' | 'create' | 'apply' | 'delete'>;
  resource: Resource;
  /** The operator's own. */
  namespace: string;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** There is an obstacle, another one or none any more. */
  onObstacle: () => void;
}

/** Has the Service that agents call lead to the leader, and to nobody else. */
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

  /** Why the Service cannot be led here, for people; undefined where it can. */
  get obstacle(): string | undefined {
    return this.#slice.obstacle;
  }

  /** Points the Service at this address, and keeps it so until the signal is aborted. It never rejects. */
  keep(advertised: Advertised, signal: AbortSignal): Promise<void> {
    const { client, resource, namespace, log } = this.#options;
    const declared = leaderEndpointSlice(advertised, namespace);
    return this.#slice.keep(async (observed, write) => {
      if (observed && driftOf(declared, observed).length === 0) return false;
      if (observed && observed.addressType !== declared.addressType) {
        // The family of a slice is for good.
        await client.delete(resource, this.#place, observed.metadata.uid, signal);
        return true;
      }
      await write(declared);
      log.info({ ...advertised }, 'EndpointSlice points to this operator');
      return true;
    }, signal);
  }
}
