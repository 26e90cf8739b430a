import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { type ConnectionLimits, listenBacklog, syncConnectionLimits } from '../../listeners/listener-limits.ts';
import type { AuthenticatedAgent } from '../agents/sync-source.ts';
import { AgentConnections } from './agent-connections.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import type { SyncHub } from './sync-hub.ts';
import type { SyncObserver } from './sync-metrics.ts';
import { SyncRequests } from './sync-requests.ts';
import type { IssuedCertificate } from './tls/certificate-authority.ts';

/** Limits for clients, in milliseconds unless stated otherwise. */
export interface SyncLimits {
  /** Of unauthenticated connections. Each agent has one in addition. */
  unauthenticated: ConnectionLimits;
  handshakeMs: number;
  /** From the first byte of a request, or the end of the handshake, to its last byte. */
  requestMs: number;
  /** Between a response and the next request. */
  idleMs: number;
  /** Without progress, such as a response that the client does not read. Longer than requests are held. */
  stalledMs: number;
}

export const syncLimits: SyncLimits = {
  unauthenticated: syncConnectionLimits,
  handshakeMs: 10_000,
  requestMs: 10_000,
  idleMs: 10_000,
  stalledMs: 30_000,
};

/** A token takes up to 3 kB of it. */
export const maxHeaderBytes = 8192;

/** After this time, the remaining connections are closed. */
const closeGraceMs = 500;

/**
 * No group with ML-KEM: its keys cost 6 kB per connection, and latencies need no protection from future quantum
 * computers.
 */
const tlsOptions = { minVersion: 'TLSv1.3', ecdhCurve: 'X25519:prime256v1' } as const;

export interface SyncServerParts {
  hub: Pick<SyncHub, 'exchange' | 'gone'>;
  /**
   * Authenticates a token.
   * @throws SyncRefusal; any other error means that authentication is not possible at present
   */
  identify: (token: string) => Promise<AuthenticatedAgent>;
  /** Whether this operator answers agents. */
  isLeading: () => boolean;
  observe: SyncObserver;
  clock: Clock;
  log: Logger;
  limits?: Partial<SyncLimits>;
}

/**
 * The server for agents: HTTPS with TLS 1.3 and a token. Only agents are accepted; other clients may hold few
 * connections, for a short time. Handshakes fail before the first certificate.
 */
export class SyncServer {
  readonly #parts: SyncServerParts;
  readonly #server: Server;
  readonly #connections: AgentConnections;
  readonly #requests: SyncRequests;

  constructor(parts: SyncServerParts) {
    this.#parts = parts;
    const { hub, identify, isLeading, observe } = parts;
    const { unauthenticated, handshakeMs, requestMs, idleMs, stalledMs } = { ...syncLimits, ...parts.limits };
    const refusals = new RateLimitedLog(parts.log, parts.clock);
    this.#server = createServer({
      ...tlsOptions,
      handshakeTimeout: handshakeMs,
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: Math.min(1000, requestMs),
      keepAliveTimeout: idleMs,
      maxHeaderSize: maxHeaderBytes,
      // A response by Node itself would be neither counted nor logged.
      requireHostHeader: false,
    });
    this.#server.setTimeout(stalledMs);
    this.#connections = new AgentConnections({
      ...{ server: this.#server, unauthenticated, handshakeMs, clock: parts.clock, observe, refusals },
      gone: (agent) => hub.gone(agent),
    });
    this.#requests = new SyncRequests({
      ...{ hub, identify, isLeading, observe, refusals, clock: parts.clock },
      claim: (connection, agent) => this.#connections.claim(connection, agent),
    });
    for (const event of ['request', 'checkExpectation'])
      this.#server.on(event, (request, response) => this.#serve(request, response));
    this.#server.on('connect', ({ socket }) => {
      this.#connections.failed('malformed', 'CONNECT is not supported', socket.remoteAddress);
      socket.destroy();
    });
  }

  /** Number of connections that completed the handshake. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Number of connections that no agent has authenticated, including those without a handshake. */
  get unauthenticated(): number {
    return this.#connections.unauthenticated;
  }

  /** Uses this certificate from the next handshake on. Existing connections continue. */
  useCertificate({ certificate, key }: IssuedCertificate): void {
    this.#server.setSecureContext({ ...tlsOptions, cert: certificate, key });
  }

  /**
   * Listens on all addresses. Rejects with the error of the socket; may be retried.
   * @param port 0: any free port
   * @returns the port
   */
  async listen(port: number): Promise<number> {
    this.#server.listen({ port, backlog: listenBacklog });
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening and closes all connections within half a second. The hub must refuse its held requests before. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(closeGraceMs, () => {
        this.#server.closeAllConnections();
        this.#connections.closeUnauthenticated();
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
    const connection = this.#connections.requested(socket as TLSSocket);
    if (connection?.begin(response)) return void this.#requests.take(request, connection);
    this.#connections.failed('malformed', 'request before the response to the previous one', socket.remoteAddress);
    socket.destroy();
  }
}
