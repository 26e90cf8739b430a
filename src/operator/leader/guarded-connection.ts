import type { buildConnector, Dispatcher } from 'undici';
import type { Clock } from '../../base/clock.ts';
import type { ClusterAccess } from '../kube/cluster-access.ts';
import { Connection, type Purpose } from '../kube/connection.ts';
import type { LeaderWriteGuard } from './leader-write-guard.ts';
import { resettingConnector } from './resetting-connector.ts';

/**
 * Connections that send only writes that the guard admits, including retries. The Lease uses connections of its own, so
 * that a delay on these cannot delay its renewal.
 */
export class GuardedConnection extends Connection {
  readonly #writeGuard: LeaderWriteGuard;

  constructor(access: ClusterAccess, clock: Clock, writeGuard: LeaderWriteGuard) {
    super(access, clock);
    this.#writeGuard = writeGuard;
  }

  override async use(purpose: Purpose): Promise<{ dispatcher: Dispatcher; headers: Record<string, string> }> {
    const { dispatcher, headers } = await super.use(purpose);
    return { dispatcher: dispatcher.compose(this.#writeGuard.interceptor), headers };
  }

  protected override connector(options: buildConnector.BuildOptions): buildConnector.connector {
    return resettingConnector(options);
  }
}
