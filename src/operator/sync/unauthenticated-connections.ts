import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { ConnectionAdmission } from '../../listeners/connection-admission.ts';
import { guardConnections } from '../../listeners/guard-connections.ts';
import type { ConnectionLimits } from '../../listeners/listener-limits.ts';
import { limitedAddress } from '../../listeners/remote-address.ts';
import { HandshakeTurns } from './handshake-turns.ts';
import type { ConnectionFault } from './sync-metrics.ts';

export interface UnauthenticatedConnectionsParts {
  server: Server;
  limits: ConnectionLimits;
  /** For a client's first bytes, in milliseconds. */
  handshakeMs: number;
  clock: Pick<Clock, 'monotonic'>;
  /** Counts and logs a failed connection. */
  failed: (fault: ConnectionFault, what: string, from: string | undefined) => void;
}

/**
 * The connections that no agent has authenticated. A client that sends nothing costs a socket only: TLS begins with its
 * first bytes, in its address's turn.
 */
export class UnauthenticatedConnections {
  readonly #parts: UnauthenticatedConnectionsParts;
  readonly #admission: ConnectionAdmission<Socket>;
  readonly #turns = new HandshakeTurns();
  /** The connections before the end of the handshake, by remote address and port. */
  readonly #handshaking = new Map<string, Socket>();
  /** Shared by all connections: a closure each would cost memory for as long as an agent is connected. */
  readonly #closed: (this: Socket) => void;

  constructor(parts: UnauthenticatedConnectionsParts) {
    this.#parts = parts;
    const closed = (connection: Socket) => {
      // A client may use its port again before the close of its former connection is seen.
      if (this.#handshaking.get(keyOf(connection)) === connection && this.#forget(connection))
        parts.failed('handshake', 'closed before the end of the handshake', connection.remoteAddress);
    };
    this.#closed = function () {
      closed(this);
    };
    this.#admission = new ConnectionAdmission(parts.limits, parts.clock);
    guardConnections(parts.server, this.#admission, {
      refused: (reason, socket) => this.#refused(reason, socket),
      admitted: (socket, address, accept) => this.#admitted(socket, address, accept),
    });
  }

  /** Number of connections. */
  get size(): number {
    return this.#admission.size;
  }

  /** The handshake is complete, and the request may come. @returns the connection under TLS */
  secured(socket: TLSSocket): Socket | undefined {
    const connection = this.#forget(socket);
    if (connection) this.#admission.idle(connection);
    return connection;
  }

  /** The handshake failed. */
  handshakeFailed(what: string, socket: TLSSocket): void {
    // One that has ended is counted when it closes.
    if (this.#forget(socket)) this.#parts.failed('handshake', what, socket.remoteAddress);
  }

  /** Its request has come. */
  requested(connection: Socket): void {
    this.#admission.idle(connection);
  }

  /** An agent has authenticated it. */
  release(connection: Socket): void {
    this.#admission.release(connection);
  }

  /** Ends all of them. */
  closeAll(): void {
    for (const connection of this.#admission.connections()) connection.destroy();
  }

  #admitted(connection: Socket, address: string, accept: () => void): void {
    const { handshakeMs } = this.#parts;
    this.#handshaking.set(keyOf(connection), connection);
    connection.on('error', ignore);
    connection.on('close', this.#closed);
    connection.setTimeout(handshakeMs, () => {
      this.#parts.failed('handshake', `nothing received within ${handshakeMs} ms`, address);
      this.#forget(connection);
      connection.destroy();
    });
    connection.once('readable', () => {
      connection.setTimeout(0);
      connection.removeAllListeners('timeout');
      if (connection.readableLength === 0) return void connection.destroy();
      this.#admission.busy(connection);
      this.#turns.add(address, () => {
        if (connection.destroyed) return;
        accept();
        this.#admission.idle(connection);
      });
    });
  }

  #refused(reason: 'address' | 'limit' | 'idle', connection: Socket): void {
    const { limits, failed } = this.#parts;
    this.#forget(connection);
    const what = {
      address: `too many unauthenticated connections of one address, the limit is ${limits.perAddress}`,
      limit: `too many unauthenticated connections, the limit is ${limits.total}`,
      idle: 'idle longest when a new connection needed its place',
    }[reason];
    failed(reason, what, connection.remoteAddress);
  }

  #forget(socket: Socket): Socket | undefined {
    const key = keyOf(socket);
    const connection = this.#handshaking.get(key);
    if (connection) this.#handshaking.delete(key);
    return connection;
  }
}

/** Identifies a connection, under TLS as above it; Node remembers both parts after the end. */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${limitedAddress(remoteAddress)} ${remotePort}`;
}

function ignore(): void {}
