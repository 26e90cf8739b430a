import type { Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import type { ConnectionLimits } from '../../listeners/listener-limits.ts';
import { stopParsingOnceDestroyed } from '../../listeners/stop-parsing.ts';
import type { AuthenticatedAgent } from '../agents/sync-source.ts';
import { AgentConnection } from './agent-connection.ts';
import { SyncRefusal } from './identity/sync-refusal.ts';
import type { RateLimitedLog } from './rate-limited-log.ts';
import type { ConnectionFault, SyncObserver } from './sync-metrics.ts';
import { UnauthenticatedConnections } from './unauthenticated-connections.ts';

export interface AgentConnectionsParts {
  server: Server;
  /** Limits of unauthenticated connections. */
  unauthenticated: ConnectionLimits;
  /** For the first bytes of a connection, in milliseconds. */
  handshakeMs: number;
  clock: Clock;
  observe: SyncObserver;
  refusals: RateLimitedLog;
  /** The agent has no connection left. */
  gone: (agent: AuthenticatedAgent) => void;
}

/** The connections of the sync server: their agents, their limit, and their failures. An agent has one connection. */
export class AgentConnections {
  readonly #parts: AgentConnectionsParts;
  readonly #unauthenticated: UnauthenticatedConnections;
  readonly #connections = new Map<TLSSocket, AgentConnection>();
  /** By pod. */
  readonly #agents = new Map<string, AgentConnection>();

  constructor(parts: AgentConnectionsParts) {
    this.#parts = parts;
    const { server, unauthenticated: limits, handshakeMs, clock } = parts;
    this.#unauthenticated = new UnauthenticatedConnections({
      ...{ server, limits, handshakeMs, clock },
      failed: (...fault) => this.failed(...fault),
    });
    this.#listen();
  }

  /** Number of connections that completed the handshake. */
  get size(): number {
    return this.#connections.size;
  }

  /** Number of connections that no agent has authenticated, including those without a handshake. */
  get unauthenticated(): number {
    return this.#unauthenticated.size;
  }

  /** The connection on which a request has come. */
  requested(socket: TLSSocket): AgentConnection | undefined {
    const connection = this.#connections.get(socket);
    if (connection?.unauthenticated) this.#unauthenticated.requested(connection.unauthenticated);
    return connection;
  }

  /** Ends the connections that no agent has authenticated. */
  closeUnauthenticated(): void {
    this.#unauthenticated.closeAll();
  }

  /**
   * Assigns the connection to this agent, and closes its previous connection.
   * @throws SyncRefusal NotAnAgent if the connection belongs to another agent
   */
  claim(connection: AgentConnection, agent: AuthenticatedAgent): void {
    if (connection.agent && connection.agent.podUid !== agent.podUid)
      throw new SyncRefusal('NotAnAgent', 'the connection belongs to another agent');
    connection.agent = agent;
    if (connection.unauthenticated) this.#unauthenticated.release(connection.unauthenticated);
    connection.unauthenticated = undefined;
    const other = this.#agents.get(agent.podUid);
    if (other === connection) return;
    this.#agents.set(agent.podUid, connection);
    other?.socket.destroy();
  }

  /** Counts and logs a failed connection. @param what the cause; must not quote what was received */
  failed(fault: ConnectionFault, what: string, from: string | undefined): void {
    this.#parts.observe.failed(fault);
    this.#parts.refusals.report(fault, what, from);
  }

  #listen(): void {
    const connections = this.#connections;
    const { server, observe } = this.#parts;
    const gone = (connection: AgentConnection) => this.#gone(connection);
    // One function for all connections: a closure each would cost memory.
    const closed = function (this: TLSSocket) {
      const connection = connections.get(this);
      if (connection) gone(connection);
    };
    server.on('secureConnection', (socket: TLSSocket) => {
      connections.set(socket, new AgentConnection(socket, this.#unauthenticated.secured(socket), observe));
      socket.on('close', closed);
      stopParsingOnceDestroyed(socket);
    });
    // Includes failed handshakes.
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#clientFailed(error, socket as TLSSocket);
      socket.destroy();
    });
    server.on('timeout', (socket: TLSSocket) => {
      // Idle connections had time to send the next request.
      if (connections.get(socket)?.isBusy || socket.writableLength > 0)
        this.failed('timeout', `no progress within ${server.timeout} ms`, socket.remoteAddress);
      socket.destroy();
    });
    // A failed accept, such as without free file descriptors.
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (server.listening) this.failed('limit', error.code ?? error.message, undefined);
    });
  }

  #clientFailed({ code, message }: NodeJS.ErrnoException, socket: TLSSocket): void {
    const what = code ?? message;
    if (!this.#connections.has(socket)) this.#unauthenticated.handshakeFailed(what, socket);
    // Already reported.
    else if (socket.destroyed) return;
    else if (code === 'ERR_HTTP_REQUEST_TIMEOUT') this.failed('timeout', what, socket.remoteAddress);
    // A client may close the connection while it sends.
    else if (code !== 'ECONNRESET') this.failed('malformed', what, socket.remoteAddress);
  }

  #gone(connection: AgentConnection): void {
    this.#connections.delete(connection.socket);
    const { agent } = connection;
    if (!agent || this.#agents.get(agent.podUid) !== connection) return;
    this.#agents.delete(agent.podUid);
    this.#parts.gone(agent);
  }
}
