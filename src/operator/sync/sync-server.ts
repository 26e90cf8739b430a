import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { withoutSecrets } from '../../base/redaction.ts';
import { ProtocolError } from '../../protocol/document.ts';
import { decodeSyncRequest, maxRequestBytes, syncPath } from '../../protocol/sync.ts';
import type { AgentIdentity } from '../agents/sync-source.ts';
import { SyncRefusal } from './identity/sync-refusal.ts';
import { RefusalLog } from './refusal-log.ts';
import { readBody, skipBody } from './request-body.ts';
import { SyncConnection } from './sync-connection.ts';
import type { SyncHub } from './sync-hub.ts';
import type { ConnectionFault, SyncObserver } from './sync-metrics.ts';
import type { IssuedCertificate } from './tls/certificate-authority.ts';

/** What whoever connects may take, in milliseconds but where something else is said. */
export interface SyncLimits {
  /** Connections of those who have not proven yet who they are. Agents have one each beside these. */
  strangers: number;
  handshakeMs: number;
  /** From its first byte, or the end of the handshake, to its last one. */
  requestMs: number;
  /** Between an answer and the agent's next request. */
  idleMs: number;
  /** Without any progress, as of an answer that nobody takes. More than a request is held. */
  stalledMs: number;
}

export const syncLimits: SyncLimits = {
  strangers: 1000,
  handshakeMs: 10_000,
  requestMs: 10_000,
  idleMs: 10_000,
  stalledMs: 30_000,
};

/** A token takes up to 3 kB of it. */
const maxHeaderBytes = 8192;

/** After this, connections that do not end by themselves are ended. */
const closeGraceMs = 500;

/**
 * No group with ML-KEM: its keys are 6 kB for each connection, and latencies are no secret that has to outlive a quantum computer.
 */
const tlsOptions = { minVersion: 'TLSv1.3', ecdhCurve: 'X25519:prime256v1' } as const;

export interface SyncServerParts {
  hub: Pick<SyncHub, 'exchange' | 'gone'>;
  /** Whose token this is. @throws SyncRefusal; whatever else it throws means that it cannot be known at present */
  identify: (token: string) => Promise<AgentIdentity>;
  /** Whether agents are answered here. */
  isLeading: () => boolean;
  observe: SyncObserver;
  clock: Clock;
  log: Logger;
  limits?: Partial<SyncLimits>;
}

/**
 * Where agents call: HTTPS with TLS 1.3, each with its token. Nobody but agents is let in, and whoever is not one may hold few
 * connections, for a short time. Before the first certificate handshakes fail.
 */
export class SyncServer {
  readonly #parts: SyncServerParts;
  readonly #limits: SyncLimits;
  readonly #refusals: RefusalLog;
  readonly #server: Server;
  readonly #connections = new Map<TLSSocket, SyncConnection>();
  /** By pod. */
  readonly #agents = new Map<string, SyncConnection>();

  constructor(parts: SyncServerParts) {
    this.#parts = parts;
    this.#limits = { ...syncLimits, ...parts.limits };
    this.#refusals = new RefusalLog(parts.log, parts.clock);
    const { handshakeMs, requestMs, idleMs, stalledMs } = this.#limits;
    this.#server = createServer({
      ...tlsOptions,
      handshakeTimeout: handshakeMs,
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: Math.min(1000, requestMs),
      keepAliveTimeout: idleMs,
      maxHeaderSize: maxHeaderBytes,
      // What would be answered by Node itself would be neither counted nor told.
      requireHostHeader: false,
    });
    this.#server.setTimeout(stalledMs);
    this.#listenToConnections();
    for (const event of ['request', 'checkExpectation'])
      this.#server.on(event, (request, response) => void this.#serve(request, response));
    this.#server.on('connect', ({ socket }) => {
      this.#failed('malformed', 'CONNECT: nothing is reached through here', socket.remoteAddress);
      socket.destroy();
    });
    this.#limitConnections();
  }

  /** How many connections there are, those without a handshake left out. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Serves with this certificate from the next handshake on. Connections that exist go on. */
  useCertificate({ certificate, key }: IssuedCertificate): void {
    this.#server.setSecureContext({ ...tlsOptions, cert: certificate, key });
  }

  /**
   * Listens on all addresses. Rejects where that cannot be, with the error of the socket; it may be tried again.
   * @param port 0: any free one
   * @returns the port
   */
  async listen(port: number): Promise<number> {
    this.#server.listen(port);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes no more connections, and ends all that exist, in half a second. What the hub holds is to be refused before. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(closeGraceMs, () => {
        this.#server.closeAllConnections();
        // Not when the last has ended: those without a handshake, which nothing else ends, take their time.
        resolve();
      });
      this.#server.close(() => {
        cancel();
        resolve();
      });
    });
  }

  #listenToConnections(): void {
    const connections = this.#connections;
    const { observe } = this.#parts;
    const gone = (connection: SyncConnection) => this.#gone(connection);
    // One function for all, since a closure for each would be one more object of each.
    const closed = function (this: TLSSocket) {
      const connection = connections.get(this);
      if (connection) gone(connection);
    };
    this.#server.on('secureConnection', (socket: TLSSocket) => {
      connections.set(socket, new SyncConnection(socket, observe));
      socket.on('close', closed);
    });
    // Of handshakes too.
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#clientFailed(error, socket as TLSSocket);
      socket.destroy();
    });
    this.#server.on('timeout', (socket: TLSSocket) => {
      // Others are done, and had their time to ask again.
      if (connections.get(socket)?.isBusy || socket.writableLength > 0)
        this.#failed('timeout', `no progress within ${this.#limits.stalledMs} ms`, socket.remoteAddress);
      socket.destroy();
    });
    this.#server.on('drop', (dropped) => {
      this.#failed('limit', `${this.#limits.strangers} wait to be known already`, dropped?.remoteAddress);
    });
    // Of an accept that failed, as for want of file descriptors.
    this.#server.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#server.listening) this.#failed('limit', error.code ?? error.message, undefined);
    });
  }

  #clientFailed({ code, message }: NodeJS.ErrnoException, socket: TLSSocket): void {
    const what = code ?? message;
    if (!this.#connections.has(socket)) this.#failed('handshake', what, socket.remoteAddress);
    // More of the same came with it.
    else if (socket.destroyed) return;
    else if (code === 'ERR_HTTP_REQUEST_TIMEOUT') this.#failed('timeout', what, socket.remoteAddress);
    // Whoever goes while they are sending does nothing wrong.
    else if (code !== 'ECONNRESET') this.#failed('malformed', what, socket.remoteAddress);
  }

  /** Never rejects. */
  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#connections.get(request.socket as TLSSocket);
    if (!connection?.begin(response)) {
      // Many may have come with it.
      if (!request.socket.destroyed)
        this.#failed('malformed', 'a request before the answer to the one before', request.socket.remoteAddress);
      return void request.socket.destroy();
    }
    try {
      const agent = await this.#admit(request, connection);
      const sync = decodeSyncRequest(await readBody(request, maxRequestBytes));
      forget(request);
      this.#parts.hub.exchange(agent, sync, connection);
    } catch (error) {
      await this.#refuse(request, connection, error);
    }
  }

  /** @throws SyncRefusal, or why it is not known who it is */
  async #admit(request: IncomingMessage, connection: SyncConnection): Promise<AgentIdentity> {
    if (!this.#parts.isLeading()) throw new SyncRefusal('Unavailable', 'this operator does not lead; ask again');
    if (request.url !== syncPath || request.method !== 'POST')
      throw new SyncRefusal('NotFound', `there is nothing here but POST ${syncPath}`);
    const [, token] = /^Bearer +([^ ]+) *$/i.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined)
      throw new SyncRefusal('NoToken', 'send the pod’s token for the audience net-exporter as Authorization: Bearer');
    const agent = await this.#parts.identify(token);
    if (connection.socket.destroyed) throw new Error('the connection ended before it was known whose it is');
    this.#belongs(connection, agent);
    return agent;
  }

  /** The connection is this agent's from now on, and the only one that it has. */
  #belongs(connection: SyncConnection, agent: AgentIdentity): void {
    if (connection.agent && connection.agent.podUid !== agent.podUid)
      throw new SyncRefusal('NotAnAgent', 'the connection belongs to another agent');
    connection.agent = agent;
    const other = this.#agents.get(agent.podUid);
    if (other === connection) return;
    this.#agents.set(agent.podUid, connection);
    other?.socket.destroy();
    this.#limitConnections();
  }

  async #refuse(request: IncomingMessage, connection: SyncConnection, error: unknown): Promise<void> {
    if (connection.socket.destroyed) return;
    const refusal = this.#refusalOf(error);
    if (refusal.code !== 'Unavailable')
      this.#refusals.tell(refusal.code, refusal.message, connection.socket.remoteAddress);
    try {
      if (refusal.code !== 'TooLarge') await skipBody(request, maxRequestBytes);
      connection.refuse(refusal);
    } catch {
      // Too much of it, or it broke off.
      this.#parts.observe.answered(refusal.code);
      connection.socket.destroy();
    }
  }

  #refusalOf(error: unknown): SyncRefusal {
    if (error instanceof SyncRefusal) return error;
    if (error instanceof ProtocolError) return new SyncRefusal('InvalidSync', error.message);
    this.#refusals.tell(
      'unanswered',
      `an agent was not answered: ${withoutSecrets((error as Error).message)}`,
      undefined,
    );
    return new SyncRefusal('Unavailable', 'agents cannot be answered at present; ask again');
  }

  #failed(fault: ConnectionFault, what: string, from: string | undefined): void {
    this.#parts.observe.failed(fault);
    this.#refusals.tell(fault, `a connection was ended (${fault}: ${what})`, from);
  }

  #gone(connection: SyncConnection): void {
    this.#connections.delete(connection.socket);
    const { agent } = connection;
    if (!agent || this.#agents.get(agent.podUid) !== connection) return;
    this.#agents.delete(agent.podUid);
    this.#limitConnections();
    this.#parts.hub.gone(agent);
  }

  /** Whoever is over the limit is dropped before the handshake, which is what costs. */
  #limitConnections(): void {
    this.#server.maxConnections = this.#agents.size + this.#limits.strangers;
  }
}

/** Drops what is not needed while the request is held, above all the token: two kilobytes for each agent. */
function forget(request: IncomingMessage): void {
  request.headers = {};
  request.rawHeaders = [];
}
