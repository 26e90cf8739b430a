import type { Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { AuthenticatedAgent } from '../agents/sync-source.ts';
import { AgentConnection } from './agent-connection.ts';
import { SyncRefusal } from './identity/sync-refusal.ts';
import type { RateLimitedLog } from './rate-limited-log.ts';
import type { ConnectionFault, SyncObserver } from './sync-metrics.ts';

export interface AgentConnectionsParts {
  server: Server;
  /** How many connections there may be of those who have not proven yet who they are. */
  strangers: number;
  observe: SyncObserver;
  refusals: RateLimitedLog;
  /** The agent has no connection any more. */
  gone: (agent: AuthenticatedAgent) => void;
}

/** The connections of a server: whose they are, how many there may be, and why they fail. An agent has one. */
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

  /** How many there are, those without a handshake left out. */
  get size(): number {
    return this.#connections.size;
  }

  /** The connection of a socket; undefined where there has been no handshake. */
  of(socket: TLSSocket): AgentConnection | undefined {
    return this.#connections.get(socket);
  }

  /**
   * The connection is this agent's from now on, and the only one that it has.
   * @throws SyncRefusal NotAnAgent where it is another agent's
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

  /** A connection is ended for this. @param what the fault in words that quote nothing that was sent */
  failed(fault: ConnectionFault, what: string, from: string | undefined): void {
    this.#parts.observe.failed(fault);
    this.#parts.refusals.report(fault, what, from);
  }

  #listen(): void {
    const connections = this.#connections;
    const { server, observe, strangers } = this.#parts;
    const gone = (connection: AgentConnection) => this.#gone(connection);
    // One function for all, since a closure for each would be one more object of each.
    const closed = function (this: TLSSocket) {
      const connection = connections.get(this);
      if (connection) gone(connection);
    };
    server.on('secureConnection', (socket: TLSSocket) => {
      connections.set(socket, new AgentConnection(socket, observe));
      socket.on('close', closed);
    });
    // Of handshakes too.
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#clientFailed(error, socket as TLSSocket);
      socket.destroy();
    });
    server.on('timeout', (socket: TLSSocket) => {
      // Others are done, and had their time to ask again.
      if (connections.get(socket)?.isBusy || socket.writableLength > 0)
        this.failed('timeout', `no progress within ${server.timeout} ms`, socket.remoteAddress);
      socket.destroy();
    });
    server.on('drop', (dropped) => {
      this.failed('limit', `too many unauthenticated connections, the limit is ${strangers}`, dropped?.remoteAddress);
    });
    // Of an accept that failed, as for want of file descriptors.
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (server.listening) this.failed('limit', error.code ?? error.message, undefined);
    });
  }

  #clientFailed({ code, message }: NodeJS.ErrnoException, socket: TLSSocket): void {
    const what = code ?? message;
    if (!this.#connections.has(socket)) this.failed('handshake', what, socket.remoteAddress);
    // More of the same came with it.
    else if (socket.destroyed) return;
    else if (code === 'ERR_HTTP_REQUEST_TIMEOUT') this.failed('timeout', what, socket.remoteAddress);
    // Whoever goes while they are sending does nothing wrong.
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

  /** Whoever is over the limit is dropped before the handshake, which is what costs. */
  #limit(): void {
    const { server, strangers } = this.#parts;
    server.maxConnections = this.#agents.size + strangers;
  }
}
