import type { Logger } from 'pino';
import { type Clock, pause } from '../../base/clock.ts';
import { Reflector } from '../cache/reflector.ts';
import { Store } from '../cache/store.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { ApiError } from '../kube/api-error.ts';
import type { Resource } from '../kube/resource.ts';
import { LeaderWriteGuard } from './leader-write-guard.ts';
import { type Lease, leaseTiming } from './lease.ts';
import { LeaseAccess, type LeasePlace, leases } from './lease-access.ts';
import { LeaseElector } from './lease-elector.ts';

/** The leader renews every two seconds, so a watch that is silent this long is dead, or there is no leader. */
const idleMs = leaseTiming.durationMs;

export interface LeaderElectionOptions {
  /** Must not use guarded connections, because candidates write the Lease too. */
  client: Pick<ApiClient, 'get' | 'list' | 'watch' | 'create' | 'mergePatch'>;
  place: LeasePlace;
  /** Unique to this process. */
  identity: string;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** The Lease could not be processed as observed. */
  onFault: (resource: Resource) => void;
  /**
   * The Lease is lost, and no write may start. `campaign` may be called again.
   * @param isUnsafe whether the process must exit immediately: a write was in flight, or the process stood still
   */
  onLost: (why: string, isUnsafe: boolean) => void;
}

/**
 * Elects the one operator that writes. To run two of them from the sources against one cluster:
 *
 *     PORT=8081 POD_NAME=a POD_NAMESPACE=default node src/operator/main.ts --kubeconfig FILE
 *     PORT=8082 POD_NAME=b POD_NAMESPACE=default node src/operator/main.ts --kubeconfig FILE
 *
 * The Lease is created in POD_NAMESPACE, which must exist. `leader_election_master_status` on /metrics shows the
 * leader.
 */
export class LeaderElection {
  /** Guards every write except those of the Lease. */
  readonly writeGuard: LeaderWriteGuard;
  readonly #elector: LeaseElector;
  readonly #reflector: Reflector<Lease>;
  readonly #store = new Store<Lease>();
  readonly #clock: Clock;

  constructor({ client, place, identity, clock, random, log, onFault, onLost }: LeaderElectionOptions) {
    this.#clock = clock;
    this.#elector = new LeaseElector({
      access: new LeaseAccess(client, place, clock),
      identity,
      clock,
      random,
      log,
      onLost: (why, stoodStill) => {
        const isUnsafe = stoodStill || this.writeGuard.isWriting;
        this.writeGuard.abort(new ApiError('NotLeader', `the write was aborted because the lease was lost: ${why}`));
        onLost(why, isUnsafe);
      },
    });
    this.writeGuard = new LeaderWriteGuard(this.#elector, clock);
    this.#store.onChange(({ after }) => this.#elector.observe(after));
    this.#reflector = new Reflector({
      client,
      resource: leases,
      scope: place,
      idleMs,
      transform: (object) => object,
      store: this.#store,
      onFault,
      clock,
      random,
      log,
    });
  }

  /** Whether a write may start now. */
  get isLeading(): boolean {
    return this.#elector.isLeading;
  }

  /** Undefined while not leading; otherwise higher than the epoch of every previous leader. */
  get epoch(): number | undefined {
    return this.#elector.epoch;
  }

  /** The identity of the Lease's holder, if known. */
  get holder(): string | undefined {
    return this.#elector.holder;
  }

  /** Why the holder of the Lease is unknown; undefined if it is known. */
  get obstacle(): string | undefined {
    return this.#reflector.obstacle;
  }

  /** Watches the Lease until the signal is aborted. Never rejects. */
  async follow(signal: AbortSignal): Promise<void> {
    void this.#reflector.synced.then(() => {
      if (this.#store.size === 0) this.#elector.observe(undefined);
    });
    await this.#reflector.run(signal);
  }

  /** Waits for the Lease and acquires it. @returns false if the signal was aborted before */
  campaign(signal: AbortSignal): Promise<boolean> {
    return this.#elector.campaign(signal);
  }

  /** The Lease will be released within seconds: sends no further renewal, for which the release would have to wait. */
  stopRenewing(): void {
    this.#elector.stopRenewing();
  }

  /**
   * Stops leading, and releases the Lease after the last write, so that the next leader can start. Writes without a
   * response are aborted; as these may still take effect, the Lease then expires as soon as they no longer can.
   * @param writesMs how long to wait for writes in flight
   * @param releaseMs how long the release may take, computed after that
   */
  async resign({ writesMs, releaseMs }: { writesMs: number; releaseMs: () => number }): Promise<void> {
    const late = new AbortController();
    await Promise.race([this.writeGuard.close(), pause(this.#clock, writesMs, late.signal)]);
    late.abort();
    this.writeGuard.abort(new ApiError('Cancelled', 'the write was aborted because the operator is stopping'));
    await this.#elector.release({ withinMs: releaseMs(), inMs: this.writeGuard.quietInMs });
  }
}
