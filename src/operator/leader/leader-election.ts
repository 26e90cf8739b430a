import type { Logger } from 'pino';
import { type Clock, pause } from '../../base/clock.ts';
import { Reflector } from '../cache/reflector.ts';
import { Store } from '../cache/store.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { type Lease, leaseTiming } from './lease.ts';
import { LeaseAccess, type LeasePlace, leases } from './lease-access.ts';
import { LeaseElector } from './lease-elector.ts';
import { WriteGate } from './write-gate.ts';

/** The leader renews every two seconds: a watch on which nothing comes for so long is a dead connection, or nobody leads. */
const idleMs = leaseTiming.durationMs;

/** What is left of a clean stop for giving the Lease back. */
const lastWritesMs = 500;
const releaseMs = 500;

export interface LeaderElectionOptions {
  /** Not on the connections that the gate guards: the Lease is written by those who do not lead. */
  client: Pick<ApiClient, 'get' | 'list' | 'watch' | 'create' | 'mergePatch'>;
  place: LeasePlace;
  /** Of this very process: another one never has the same. */
  identity: string;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  /** The Lease is lost: the process has to end at once. */
  onLost: (why: string) => void;
}

/**
 * Of several operators, the one that writes. Two can be run by hand against one cluster, from the sources:
 *
 *     PORT=8081 POD_NAME=a POD_NAMESPACE=default node src/operator/main.ts --kubeconfig FILE
 *     PORT=8082 POD_NAME=b POD_NAMESPACE=default node src/operator/main.ts --kubeconfig FILE
 *
 * The Lease is made in POD_NAMESPACE, which must exist. `leader_election_master_status` on /metrics tells who leads.
 */
export class LeaderElection {
  /** To be put before every write but the Lease's own. */
  readonly gate: WriteGate;
  readonly #elector: LeaseElector;
  readonly #reflector: Reflector<Lease>;
  readonly #store = new Store<Lease>();
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor({ client, place, identity, clock, random, log, onLost }: LeaderElectionOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#elector = new LeaseElector({
      access: new LeaseAccess(client, place, clock),
      identity,
      clock,
      random,
      log,
      onLost,
    });
    this.gate = new WriteGate(() => this.#elector.isLeading, clock);
    this.#store.onChange(({ after }) => this.#elector.observe(after));
    this.#reflector = new Reflector({
      client,
      resource: leases,
      scope: place,
      idleMs,
      transform: (object) => object,
      store: this.#store,
      clock,
      random,
      log,
    });
  }

  /** Whether a write may start at this very moment. */
  get isLeading(): boolean {
    return this.#elector.isLeading;
  }

  /** Undefined while not leading; else a number that is higher than that of every leader before. */
  get epoch(): number | undefined {
    return this.#elector.epoch;
  }

  /** The identity of who holds the Lease, as far as is known. */
  get holder(): string | undefined {
    return this.#elector.holder;
  }

  /** Why it is not known who holds the Lease, or undefined where it is. */
  get obstacle(): string | undefined {
    return this.#reflector.obstacle;
  }

  /** Follows the Lease, whoever holds it, until the signal is aborted. It never rejects. */
  async follow(signal: AbortSignal): Promise<void> {
    void this.#reflector.synced.then(() => {
      if (this.#store.size === 0) this.#elector.observe(undefined);
    });
    await this.#reflector.run(signal);
  }

  /** Waits for the Lease and takes it. @returns false where the signal was aborted before */
  campaign(signal: AbortSignal): Promise<boolean> {
    return this.#elector.campaign(signal);
  }

  /** Ends leading and, once the last write is done, lets the next one begin at once. Takes about a second at most. */
  async resign(): Promise<void> {
    const late = new AbortController();
    await Promise.race([this.gate.close(), pause(this.#clock, lastWritesMs, late.signal)]);
    late.abort();
    if (this.gate.isQuiet) return this.#elector.release(releaseMs);
    if (this.isLeading) this.#log.warn('a write has no response yet, leaving the lease to expire');
  }
}
