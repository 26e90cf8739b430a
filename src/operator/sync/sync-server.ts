import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import type { AuthenticatedAgent } from '../agents/sync-source.ts';
import { AgentConnections } from './agent-connections.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import type { SyncHub } from './sync-hub.ts';
import type { SyncObserver } from './sync-metrics.ts';
import { SyncRequests } from './sync-requests.ts';
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
  identify: (token: string) => Promise<AuthenticatedAgent>;
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
  readonly #server: Server;
  readonly #connections: AgentConnections;
  readonly #requests: SyncRequests;

  constructor(parts: SyncServerParts) {
    this.#parts = parts;
    const { hub, identify, isLeading, observe } = parts;
    const { strangers, handshakeMs, requestMs, idleMs, stalledMs } = { ...syncLimits, ...parts.limits };
    const refusals = new RateLimitedLog(parts.log, parts.clock);
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
    this.#connections = new AgentConnections({
      ...{ server: this.#server, strangers, observe, refusals },
      gone: (agent) => hub.gone(agent),
    });
    this.#requests = new SyncRequests({
      ...{ hub, identify, isLeading, observe, refusals },
      claim: (connection, agent) => this.#connections.claim(connection, agent),
    });
    for (const event of ['request', 'checkExpectation'])
      this.#server.on(event, (request, response) => this.#serve(request, response));
    this.#server.on('connect', ({ socket }) => {
      this.#connections.failed('malformed', 'CONNECT is not supported', socket.remoteAddress);
      socket.destroy();
    });
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

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = this.#connections.of(socket as TLSSocket);
    if (connection?.begin(response)) return void this.#requests.take(request, connection);
    // Many may have come with it.
    if (!socket.destroyed)
      this.#connections.failed('malformed', 'request before the response to the previous one', socket.remoteAddress);
    socket.destroy();
  }
}
