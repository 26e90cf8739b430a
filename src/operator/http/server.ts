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
  /** What it does at present, in words. */
  state: () => string;
  log: Logger;
}

/** Serves health, readiness and metrics. */
export class OperatorServer {
  readonly #server: Server;

  constructor({ registry, unready, state, log }: ServerParts) {
    const app = new Koa();
    app.on('error', (error) => log.warn({ err: error }, 'a request failed'));
    app.use(async (context) => {
      if (context.path === '/healthz') context.body = 'ok';
      else if (context.path === '/readyz') {
        const why = unready();
        context.status = why === undefined ? 200 : 503;
        context.body = why ?? `ok: ${state()}`;
      } else if (context.path === '/metrics') {
        context.type = registry.contentType;
        context.body = await registry.metrics();
      }
    });
    const handle = app.callback();
    this.#server = createServer({ requestTimeout: 10_000 }, (request, response) => void handle(request, response));
  }

  /**
   * Listens on all addresses. Rejects where that cannot be, with the error of the socket.
   * @param port 0: any free one
   * @returns the port
   */
  async listen(port: number): Promise<number> {
    this.#server.listen(port);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Answers what is under way and ends every connection. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
      // A scraper that reads slowly must not hold up the end.
      setTimeout(() => this.#server.closeAllConnections(), 500).unref();
    });
  }
}
