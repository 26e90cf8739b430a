import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import { acceptsGzip } from '../../listeners/accepts-gzip.ts';
import { GuardedHttpServer } from '../../listeners/guarded-http-server.ts';
import type { HttpRefusal } from '../../listeners/http-refusal.ts';
import { agentHttpLimits, type HttpLimits } from '../../listeners/listener-limits.ts';
import { type Exposition, type ExpositionBody, SharedExposition } from '../../listeners/shared-exposition.ts';
import { landingPage } from './landing-page.ts';
import { pathOfLoneRequest } from './lone-request.ts';

/** Content that the server serves. */
export interface ServerContent {
  version: string;
  /** The metrics exposition and its content type. */
  metrics(): Promise<Exposition>;
  /** Whether the agent is ready. */
  ready(): boolean;
  /** Called when the metrics cannot be rendered, or a request fails because of another error in the agent. */
  failed(error: Error): void;
  /** Called for everything that the server refuses. */
  refused(reason: HttpRefusal): void;
  /** Called for each connection that a client ended without having sent anything, as TCP probes do. */
  dialled(): void;
}

interface Answer<Body = string | ExpositionBody> {
  status: number;
  contentType: string;
  body: Body;
}

/** The calls for new connections, by their descriptors, of which Node has not made sockets yet. */
export interface EarlyConnections {
  /** What waits to be read, without reading it. Valid until `receive`. */
  peek(fd: number): Buffer | undefined;
  receive(fd: number): unknown;
  send(fd: number, data: Uint8Array): unknown;
}

/**
 * The agent's HTTP server. Uses plain `node:http`, because a framework costs several megabytes on every node for six
 * paths.
 * Every peer's TCP probe opens a connection and resets it without sending anything. That is not an error.
 */
export class AgentServer {
  readonly #content: ServerContent;
  readonly #clock: Clock;
  readonly #exposition: SharedExposition;
  readonly #server: GuardedHttpServer;

  /**
   * @param listening called with the descriptor of the listening socket, whose options connections inherit
   * @param early without it, questions after health take as long as all other requests
   */
  constructor(
    content: ServerContent,
    clock: Clock,
    limits: HttpLimits = agentHttpLimits,
    listening?: (fd: number) => void,
    early?: EarlyConnections,
  ) {
    this.#content = content;
    this.#clock = clock;
    this.#exposition = new SharedExposition({
      render: () => content.metrics(),
      failed: (error) => content.failed(error),
      unread: () => content.refused('unread'),
      limits: limits.unread,
      clock,
    });
    this.#server = new GuardedHttpServer({
      limits,
      clock,
      refused: (reason) => content.refused(reason),
      dialled: () => content.dialled(),
      serve: (request, response) => this.#serve(request, response),
      ...(listening && { listening }),
      ...(early && { answerEarly: (fd) => this.#answerEarly(early, fd) }),
    });
  }

  /**
   * Listens on all addresses: IPv6 and IPv4, or only IPv4 if the machine has no IPv6.
   * @param port 0 for any free port
   * @param addresses tried in order until the machine has one
   * @returns the port
   * @throws the system's error, for example EADDRINUSE
   */
  listen(port: number, addresses?: readonly string[]): Promise<number> {
    return this.#server.listen(port, addresses);
  }

  /** Stops listening and ends all connections. */
  close(): void {
    this.#server.closeAll();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Node's own way to the date sets a timer, which wakes the process up once more.
    response.sendDate = false;
    response.setHeader('Date', this.#date());
    try {
      send(request, response, await this.#answer(request));
    } catch (error) {
      this.#content.failed(error as Error);
      if (!response.headersSent) send(request, response, plain(500, 'internal error'));
      else response.destroy();
    }
  }

  /** The kubelet asks several times a minute, each time on a new connection, which Node takes milliseconds for. */
  #answerEarly(connections: EarlyConnections, fd: number): boolean {
    const received = connections.peek(fd);
    const path = received && pathOfLoneRequest(received);
    const answer = path === undefined ? undefined : this.#health(path);
    if (!answer) return false;
    try {
      connections.receive(fd);
      connections.send(fd, Buffer.from(this.#encoded(answer)));
    } catch {
      // The client has gone.
    }
    return true;
  }

  /** The response that `send` would send, as the last one of its connection. */
  #encoded({ status, contentType, body }: Answer<string>): string {
    return [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      ...Object.entries({ Date: this.#date(), ...headersOf(contentType, body), Connection: 'close' }).map(
        ([name, value]) => `${name}: ${value}`,
      ),
      '',
      body,
    ].join('\r\n');
  }

  #date(): string {
    return new Date(this.#clock.wall()).toUTCString();
  }

  async #answer({ method, url = '/' }: IncomingMessage): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return plain(405, 'method not allowed; use GET or HEAD');
    const path = url.split('?', 1)[0]!;
    switch (path) {
      case '/metrics': {
        const exposition = await this.#exposition.get();
        if (!exposition) return plain(500, 'internal error');
        return { status: 200, contentType: exposition.contentType, body: exposition };
      }
      case '/':
        return { status: 200, contentType: 'text/html; charset=utf-8', body: landingPage(this.#content.version) };
      default:
        return this.#health(path) ?? plain(404, 'not found');
    }
  }

  /** @returns undefined if the path is not one of those that tell of the agent's health */
  #health(path: string): Answer<string> | undefined {
    switch (path) {
      case '/healthz':
      case '/-/healthy':
      case '/blackbox':
        return plain(200, 'ok');
      case '/-/ready':
        return this.#content.ready() ? plain(200, 'ready') : plain(503, 'not ready');
      default:
        return undefined;
    }
  }
}

function plain(status: number, text: string): Answer<string> {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  let body: string | Buffer;
  if (typeof answer.body === 'string') body = answer.body;
  else {
    const form = acceptsGzip(request.headers['accept-encoding']) ? 'gzip' : 'plain';
    response.setHeader('Vary', 'Accept-Encoding');
    if (form === 'gzip') response.setHeader('Content-Encoding', form);
    body = answer.body.bytesFor(response, form);
  }
  if (answer.status === 405) response.setHeader('Allow', 'GET, HEAD');
  response.writeHead(answer.status, headersOf(answer.contentType, body));
  response.end(body);
}

function headersOf(contentType: string, body: string | Buffer) {
  return {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'X-Content-Type-Options': 'nosniff',
  };
}
