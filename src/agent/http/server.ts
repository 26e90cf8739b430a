import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { landingPage } from './landing-page.ts';

/** Content that the server serves. */
export interface ServerContent {
  version: string;
  /** The metrics exposition and its content type. */
  metrics(): Promise<{ text: string; contentType: string }>;
  /** Whether the agent is ready. */
  ready(): boolean;
  /** Called when a request fails because of an error in the agent. */
  failed(error: Error): void;
}

/** Limits that keep clients from exhausting the agent. */
export interface ServerLimits {
  connections: number;
  headerBytes: number;
  /** Milliseconds. */
  headersTimeoutMs: number;
  requestTimeoutMs: number;
  keepAliveMs: number;
  /** Idle timeout of a connection whose client does not read the response. */
  idleMs: number;
  /** Interval at which the two request timeouts are checked. */
  checkEveryMs: number;
}

/** Keep-alive is longer than common scrape intervals, so scrapers reuse their connections. */
export const defaultLimits: ServerLimits = {
  connections: 256,
  headerBytes: 8192,
  headersTimeoutMs: 5000,
  requestTimeoutMs: 10_000,
  keepAliveMs: 65_000,
  idleMs: 30_000,
  checkEveryMs: 2500,
};

interface Answer {
  status: number;
  contentType: string;
  body: string;
  compressible?: boolean;
}

/**
 * The agent's HTTP server. Uses plain `node:http`, because a framework costs several megabytes on every node for six
 * paths.
 * Every peer's TCP probe opens a connection and resets it without sending anything. That is not an error.
 */
export class AgentServer {
  readonly #content: ServerContent;
  readonly #server: Server;

  constructor(content: ServerContent, limits: ServerLimits = defaultLimits) {
    this.#content = content;
    this.#server = createServer(
      {
        maxHeaderSize: limits.headerBytes,
        headersTimeout: limits.headersTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        keepAliveTimeout: limits.keepAliveMs,
        connectionsCheckingInterval: limits.checkEveryMs,
        noDelay: true,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = limits.connections;
    this.#server.timeout = limits.idleMs;
    this.#server.on('clientError', refuse);
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

  /** Stops listening and ends all connections. */
  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #listenOn(host: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#server.once('error', reject);
    this.#server.listen({ host, port }, () => {
      this.#server.off('error', reject);
      resolve((this.#server.address() as AddressInfo).port);
    });
    return promise;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      send(request, response, await this.#answer(request));
    } catch (error) {
      this.#content.failed(error as Error);
      if (!response.headersSent) send(request, response, plain(500, 'internal error'));
      else response.destroy();
    }
  }

  async #answer({ method, url = '/' }: IncomingMessage): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'method not allowed; use GET or HEAD');
    switch (url.split('?', 1)[0]) {
      case '/metrics': {
        const { text, contentType } = await this.#content.metrics();
        return { status: 200, contentType, body: text, compressible: true };
      }
      case '/healthz':
      case '/-/healthy':
      case '/blackbox':
        return plain(200, 'ok');
      case '/-/ready':
        return this.#content.ready() ? plain(200, 'ready') : plain(503, 'not ready');
      case '/':
        return { status: 200, contentType: 'text/html; charset=utf-8', body: landingPage(this.#content.version) };
      default:
        return plain(404, 'not found');
    }
  }
}

function plain(status: number, text: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  let body = Buffer.from(answer.body);
  if (answer.compressible) {
    response.setHeader('Vary', 'Accept-Encoding');
    if (acceptsGzip(request.headers['accept-encoding'])) {
      response.setHeader('Content-Encoding', 'gzip');
      // Synchronous, about a millisecond: asynchronous compression starts a thread pool whose memory is never released.
      body = gzipSync(body, { level: 4 });
    }
  }
  if (answer.status === 405) response.setHeader('Allow', 'GET, HEAD');
  response.writeHead(answer.status, {
    'Content-Type': answer.contentType,
    'Content-Length': body.length,
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(body);
}

/** Whether `Accept-Encoding` names gzip with a weight above zero (RFC 9110 §12.5.3). */
export function acceptsGzip(header: string | undefined): boolean {
  return (header ?? '').split(',').some((item) => {
    const [coding = '', ...parameters] = item.toLowerCase().split(';');
    const weight = parameters.map((parameter) => /^\s*q=([\d.]+)\s*$/.exec(parameter)?.[1]).find((value) => value);
    return coding.trim() === 'gzip' && Number(weight ?? 1) > 0;
  });
}

/**
 * Answers a request that cannot be parsed or arrives too slowly, like Node does by default. Closed connections are
 * ignored.
 */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? '408 Request Timeout'
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`, () => socket.destroy());
}
