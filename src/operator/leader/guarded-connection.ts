import type { Dispatcher } from 'undici';
import type { Clock } from '../../base/clock.ts';
import type { ClusterAccess } from '../kube/cluster-access.ts';
import { Connection } from '../kube/connection.ts';
import type { WriteGate } from './write-gate.ts';

/**
 * Connections on which no write goes out that the gate does not let through, whoever sends it and however often it is sent
 * again. The Lease itself has connections of its own: what holds these up must not keep it from being renewed.
 */
export class GuardedConnection extends Connection {
  readonly #gate: WriteGate;

  constructor(access: ClusterAccess, clock: Clock, gate: WriteGate) {
    super(access, clock);
    this.#gate = gate;
  }

  override async use(): Promise<{ dispatcher: Dispatcher; headers: Record<string, string> }> {
    const { dispatcher, headers } = await super.use();
    return { dispatcher: dispatcher.compose(this.#gate.interceptor), headers };
  }
}
