import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { ConnectionAdmission } from './connection-admission.ts';
import { answerEarly } from './early-answers.ts';
import { guardConnections } from './guard-connections.ts';
import type { HttpRefusal } from './http-refusal.ts';
import { type HttpLimits, listenBacklog } from './listener-limits.ts';
import { stopParsingOnceDestroyed } from './stop-parsing.ts';

export interface GuardedHttpServerParts {
  limits: HttpLimits;
  clock: Pick<Clock, 'monotonic'>;
  /** Answers a request. Resolves when it has ended the response; never rejects. */
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Called for everything that the server refuses. */
  refused(reason: HttpRefusal): void;
  /** Called when a client has disconnected without having sent anything. */
  dialled?(): void;
  /** Called with the descriptor of the listening socket: connections inherit the options that are set there. */
  listening?(fd: number): void;
  /** Answers a new connection, by its descriptor, before it counts. @returns whether it did, so that it is closed */
  answerEarly?(fd: number): boolean;
}

/** An HTTP server whose clients cannot exhaust it. The limits hold before anybody has authenticated. */
export class GuardedHttpServer {
  readonly #parts: GuardedHttpServerParts;
  readonly #server: Server;
  readonly #admission: ConnectionAdmission<Socket>;
  /** Connections with a request whose response has not been sent as a whole. */
  readonly #unanswered = new WeakSet<Socket>();

  constructor(parts: GuardedHttpServerParts) {
    const { limits, clock, refused, dialled } = parts;
    this.#parts = parts;
    this.#admission = new ConnectionAdmission(limits.connections, clock);
    this.#server = createServer(
      {
        maxHeaderSize: limits.headerBytes,
        headersTimeout: limits.headersTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        keepAliveTimeout: limits.keepAliveMs,
        connectionsCheckingInterval: limits.checkEveryMs,
        noDelay: true,
        // A response by Node itself would escape the rule against pipelining.
        requireHostHeader: false,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.on('checkExpectation', (request, response) => void this.#serve(request, response));
    this.#server.timeout = limits.idleMs;
    this.#server.on('timeout', (socket: Socket) => {
      // Otherwise the client has not sent another request on a kept connection, which is its right.
      if (this.#unanswered.has(socket)) refused('timeout');
      this.#end(socket);
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => this.#clientFailed(error, socket));
    guardConnections(this.#server, this.#admission, {
      refused: (reason, socket) => {
        refused(reason);
        this.#end(socket);
      },
      admitted: (socket, _address, accept) => {
        accept();
        stopParsingOnceDestroyed(socket);
      },
      ...(dialled && { dialled }),
    });
  }

  /** Number of connections. */
  get connections(): number {
    return this.#admission.size;
  }

  /**
   * Listens on all addresses: IPv6 and IPv4, or only IPv4 if the machine has no IPv6.
   * @param port 0 for any free port
   * @param addresses tried in order until the machine has one
   * @returns the port
   * @throws the system's error, for example EADDRINUSE
   */
  async listen(port: number, addresses: readonly string[] = ['::', '0.0.0.0']): Promise<number> {
    const [address, ...others] = addresses;
    try {
      return await this.#listenOn(address!, port);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (others.length === 0 || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error;
      return this.listen(port, others);
    }
  }

  /** Stops listening and ends all connections at once. */
  closeAll(): void {
    this.#server.close();
    for (const socket of this.#admission.connections()) socket.destroy();
  }

  /** Stops listening, completes the requests in progress, and resolves when every connection has ended. */
  close(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      setTimeout(() => this.closeAll(), graceMs).unref();
    });
  }

  /** Without a reset, the kernel would keep the part of a response that it has until the client reads it. */
  #end(socket: Socket): void {
    if (this.#unanswered.has(socket)) socket.resetAndDestroy();
    else socket.destroy();
  }

  #listenOn(host: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const failed = (error: Error) => {
      // A failed accept, such as without free file descriptors, concerns that connection only.
      if (this.#server.listening) this.#parts.refused('limit');
      else {
        this.#server.off('error', failed);
        reject(error);
      }
    };
    this.#server.on('error', failed);
    this.#server.listen({ host, port, backlog: listenBacklog }, () => {
      const { fd } = (this.#server as unknown as { _handle: { fd: number } })._handle;
      const { listening, answerEarly: answer } = this.#parts;
      listening?.(fd);
      if (answer) answerEarly(this.#server, answer);
      resolve((this.#server.address() as AddressInfo).port);
    });
    return promise;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    if (this.#unanswered.has(socket)) {
      this.#parts.refused('pipelined');
      socket.destroy();
      return;
    }
    this.#unanswered.add(socket);
    this.#admission.busy(socket);
    response.once('close', () => this.#unanswered.delete(socket));
    // No request needs a body, and reading one to its end would keep the connection busy.
    if (hasBody(request)) response.shouldKeepAlive = false;
    if (lacksHost(request)) this.#refuseHost(response);
    else await this.#parts.serve(request, response);
    this.#admission.idle(socket);
  }

  #refuseHost(response: ServerResponse): void {
    this.#parts.refused('malformed');
    response.shouldKeepAlive = false;
    response.writeHead(400).end();
  }

  /**
   * Answers a request that cannot be parsed or arrives too slowly, like Node does by default. Closed connections are
   * ignored.
   */
  #clientFailed({ code }: NodeJS.ErrnoException, socket: Socket): void {
    if (!socket.writable || code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const isLate = code === 'ERR_HTTP_REQUEST_TIMEOUT';
    this.#parts.refused(isLate ? 'timeout' : 'malformed');
    const status = isLate
      ? '408 Request Timeout'
      : code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request';
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`, () => socket.destroy());
  }
}

/** RFC 9112 §3.2: such a request must be refused. */
function lacksHost({ headers, httpVersion }: IncomingMessage): boolean {
  return headers.host === undefined && httpVersion === '1.1';
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
