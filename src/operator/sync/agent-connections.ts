import type { Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { AuthenticatedAgent } from '../agents/sync-source.ts';
import { AgentConnection } from './agent-connection.ts';
import { SyncRefusal } from './identity/sync-refusal.ts';
import type { RateLimitedLog } from './rate-limited-log.ts';
import type { ConnectionFault, SyncObserver } from './sync-metrics.ts';

export interface AgentConnectionsParts {
  server: Server;
  /** Maximum number of unauthenticated connections. */
  strangers: number;
  observe: SyncObserver;
  refusals: RateLimitedLog;
  /** The agent has no connection left. */
  gone: (agent: AuthenticatedAgent) => void;
}

/** The connections of the sync server: their agents, their limit, and their failures. An agent has one connection. */
export class AgentConnections {
  readonly #parts: AgentConnectionsParts;
  readonly #connections = new Map<TLSSocket, AgentConnection>();
  /** By pod. */
  readonly #agents = new Map<string, AgentConnection>();

  constructor(parts: AgentConnectionsParts) {
    this.#parts = parts;
    this.#listen();
    this.#limit();
  }

  /** Number of connections that completed the handshake. */
  get size(): number {
    return this.#connections.size;
  }

  /** The connection of a socket; undefined before the handshake. */
  of(socket: TLSSocket): AgentConnection | undefined {
    return this.#connections.get(socket);
  }

  /**
   * Assigns the connection to this agent, and closes its previous connection.
   * @throws SyncRefusal NotAnAgent if the connection belongs to another agent
   */
  claim(connection: AgentConnection, agent: AuthenticatedAgent): void {
    if (connection.agent && connection.agent.podUid !== agent.podUid)
      throw new SyncRefusal('NotAnAgent', 'the connection belongs to another agent');
    connection.agent = agent;
    const other = this.#agents.get(agent.podUid);
    if (other === connection) return;
    this.#agents.set(agent.podUid, connection);
    other?.socket.destroy();
    this.#limit();
  }

  /** Counts and logs a failed connection. @param what the cause; must not quote what was received */
  failed(fault: ConnectionFault, what: string, from: string | undefined): void {
    this.#parts.observe.failed(fault);
    this.#parts.refusals.report(fault, what, from);
  }

  #listen(): void {
    const connections = this.#connections;
    const { server, observe, strangers } = this.#parts;
    const gone = (connection: AgentConnection) => this.#gone(connection);
    // One function for all connections: a closure each would cost memory.
    const closed = function (this: TLSSocket) {
      const connection = connections.get(this);
      if (connection) gone(connection);
    };
    server.on('secureConnection', (socket: TLSSocket) => {
      connections.set(socket, new AgentConnection(socket, observe));
      socket.on('close', closed);
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
    server.on('drop', (dropped) => {
      this.failed('limit', `too many unauthenticated connections, the limit is ${strangers}`, dropped?.remoteAddress);
    });
    // A failed accept, such as without free file descriptors.
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (server.listening) this.failed('limit', error.code ?? error.message, undefined);
    });
  }

  #clientFailed({ code, message }: NodeJS.ErrnoException, socket: TLSSocket): void {
    const what = code ?? message;
    if (!this.#connections.has(socket)) this.failed('handshake', what, socket.remoteAddress);
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
    this.#limit();
    this.#parts.gone(agent);
  }

  /** Connections above the limit are dropped before the handshake, which is the expensive part. */
  #limit(): void {
    const { server, strangers } = this.#parts;
    server.maxConnections = this.#agents.size + strangers;
  }
}
