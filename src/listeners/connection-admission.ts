import type { Clock } from '../base/clock.ts';
import type { ConnectionLimits } from './listener-limits.ts';

/** Why a connection is refused: too many of its address, or too many in all. */
export type ConnectionRefusal = 'address' | 'limit';

/** What becomes of a new connection: it is admitted, maybe in place of another one, or it is refused. */
export type Admission<Connection> =
  | { refused: ConnectionRefusal }
  | { refused: undefined; displaced: Connection | undefined };

interface Held<Connection> {
  readonly connection: Connection;
  readonly address: string;
  /** The client has sent something. */
  heard: boolean;
  /** The server works for it, so it is not idle. */
  busy: boolean;
  idleSince: number;
}

/**
 * Decides which connections a listener holds. Pure accounting: the caller closes what is refused or displaced.
 *
 * - An address has at most `perAddress` connections; the next one replaces its longest idle one.
 * - The last `reserve` connections in all are for addresses that have none.
 * - Without room in all, the longest idle connection of the address that has the most gives way, which may be the
 *   newcomer's own address. For an address that has none, any other gives way if that one has no idle connection.
 * - Clients that have sent nothing yet are replaced first, others once they have been idle for `yieldMs`. A connection
 *   that the server works for is never replaced.
 */
export class ConnectionAdmission<Connection extends object> {
  readonly #limits: ConnectionLimits;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #held = new Map<Connection, Held<Connection>>();
  /** The connections of each address, longest idle first. */
  readonly #addresses = new Map<string, Set<Held<Connection>>>();

  constructor(limits: ConnectionLimits, clock: Pick<Clock, 'monotonic'>) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Number of connections. */
  get size(): number {
    return this.#held.size;
  }

  /** Number of addresses that have a connection. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /** Decides about a new connection, and counts it if it is admitted. */
  admit(connection: Connection, address: string): Admission<Connection> {
    const { total, perAddress, reserve } = this.#limits;
    const own = this.#addresses.get(address);
    const isRoom = own ? own.size < perAddress && this.size < total - reserve : this.size < total;
    if (isRoom) {
      this.#add(connection, address);
      return { refused: undefined, displaced: undefined };
    }
    const displaced = this.#displacedBy(own);
    if (!displaced) return { refused: own && own.size >= perAddress ? 'address' : 'limit' };
    this.release(displaced);
    this.#add(connection, address);
    return { refused: undefined, displaced };
  }

  /** The client has sent something, and the server works for it. */
  busy(connection: Connection): void {
    const held = this.#held.get(connection);
    if (!held) return;
    held.heard = true;
    held.busy = true;
  }

  /** From now on the server waits for the client: for its next bytes, or until it has read its response. */
  idle(connection: Connection): void {
    const held = this.#held.get(connection);
    if (!held) return;
    held.heard = true;
    held.busy = false;
    held.idleSince = this.#clock.monotonic();
    const own = this.#addresses.get(held.address)!;
    own.delete(held);
    own.add(held);
  }

  /** The connection no longer counts: it has ended, or its client has authenticated. @returns whether it counted */
  release(connection: Connection): boolean {
    const held = this.#held.get(connection);
    if (!held) return false;
    this.#held.delete(connection);
    const own = this.#addresses.get(held.address)!;
    own.delete(held);
    if (own.size === 0) this.#addresses.delete(held.address);
    return true;
  }

  /** Lists the connections. */
  connections(): MapIterator<Connection> {
    return this.#held.keys();
  }

  #add(connection: Connection, address: string): void {
    const held = { connection, address, heard: false, busy: false, idleSince: this.#clock.monotonic() };
    this.#held.set(connection, held);
    const own = this.#addresses.get(address);
    if (own) own.add(held);
    else this.#addresses.set(address, new Set([held]));
  }

  /** @param own the other connections of the newcomer's address */
  #displacedBy(own: ReadonlySet<Held<Connection>> | undefined): Connection | undefined {
    if (own && own.size >= this.#limits.perAddress) return this.#replaceable(own);
    const largest = this.#largest();
    if (own) return this.#replaceable(own.size + 1 < largest.size ? largest : own);
    return this.#replaceable(largest) ?? this.#replaceable(this.#held.values());
  }

  /** The connections of the address that has the most; of several such, of the one that has been idle longest. */
  #largest(): Set<Held<Connection>> {
    let largest = new Set<Held<Connection>>();
    for (const own of this.#addresses.values())
      if (own.size > largest.size || (own.size === largest.size && idleSince(own) < idleSince(largest))) largest = own;
    return largest;
  }

  #replaceable(candidates: Iterable<Held<Connection>>): Connection | undefined {
    const idleBefore = this.#clock.monotonic() - this.#limits.yieldMs;
    let longestIdle: Held<Connection> | undefined;
    for (const held of candidates) {
      // Those of one address, and those that have sent nothing, are in the order of their age.
      if (!held.heard) return held.connection;
      if (held.busy || held.idleSince > idleBefore) continue;
      if (!longestIdle || held.idleSince < longestIdle.idleSince) longestIdle = held;
    }
    return longestIdle?.connection;
  }
}

function idleSince<Connection>(own: ReadonlySet<Held<Connection>>): number {
  for (const { idleSince: since } of own) return since;
  return Number.POSITIVE_INFINITY;
}
