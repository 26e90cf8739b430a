import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Koa from 'koa';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';

export interface ServerParts {
  registry: Registry;
  /** Why the operator is not ready, or undefined when it is. */
  unready: () => string | undefined;
  /** The operator's role, as text. */
  state: () => string;
  /** What people should know although the operator is ready, each in a sentence. */
  notices: () => string[];
  log: Logger;
}

/** Serves health, readiness and metrics. */
export class OperatorServer {
  readonly #server: Server;

  constructor({ registry, unready, state, notices, log }: ServerParts) {
    const app = new Koa();
    app.on('error', (error) => log.warn({ err: error }, 'HTTP request failed'));
    app.use(async (context) => {
      if (context.path === '/healthz') context.body = 'ok';
      else if (context.path === '/readyz') {
        const why = unready();
        context.status = why === undefined ? 200 : 503;
        context.body = [why ?? `ok: ${state()}`, ...notices()].join('\n');
      } else if (context.path === '/metrics') {
        context.type = registry.contentType;
        context.body = await registry.metrics();
      }
    });
    const handle = app.callback();
    this.#server = createServer({ requestTimeout: 10_000 }, (request, response) => void handle(request, response));
  }

  /**
   * Listens on all addresses. Rejects with the error of the socket.
   * @param port 0: any free port
   * @returns the port
   */
  async listen(port: number): Promise<number> {
    this.#server.listen(port);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Completes requests in progress and closes every connection. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
      // A slow scraper must not delay the exit.
      setTimeout(() => this.#server.closeAllConnections(), 500).unref();
    });
  }
}
