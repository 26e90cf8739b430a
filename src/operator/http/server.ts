import Koa from 'koa';
import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { operatorMetricsPath } from '../../contract/operator-names.ts';
import { acceptsGzip } from '../../listeners/accepts-gzip.ts';
import { GuardedHttpServer } from '../../listeners/guarded-http-server.ts';
import type { HttpRefusal } from '../../listeners/http-refusal.ts';
import { type HttpLimits, operatorHttpLimits } from '../../listeners/listener-limits.ts';
import { type Exposition, SharedExposition } from '../../listeners/shared-exposition.ts';

/**
 * How long requests in progress may take after the server has been closed, in milliseconds: a slow scraper must not
 * delay the exit.
 */
const closeGraceMs = 500;

export interface ServerParts {
  metrics: () => Exposition;
  /** Why the operator is not ready, or undefined when it is. */
  unready: () => string | undefined;
  /** The operator's role, as text. */
  state: () => string;
  /** What people should know although the operator is ready, each in a sentence. */
  notices: () => string[];
  /** Called for everything that the server refuses. */
  refused: (reason: HttpRefusal) => void;
  clock: Clock;
  log: Logger;
  /** Answers requests whose path begins with `/api/`; undefined: there is no API. */
  api?: { serve: (context: Koa.Context) => Promise<void> } | undefined;
  limits?: HttpLimits;
}

/** Serves health, readiness, metrics and the API. */
export class OperatorServer {
  readonly #server: GuardedHttpServer;

  constructor(parts: ServerParts) {
    const { metrics, unready, state, notices, refused, clock, log, api, limits = operatorHttpLimits } = parts;
    const exposition = new SharedExposition({
      render: async () => metrics(),
      failed: (error) => log.warn({ err: error }, 'cannot render the metrics'),
      unread: () => refused('unread'),
      limits: limits.unread,
      clock,
    });
    const app = new Koa();
    app.on('error', (error) => log.warn({ err: error }, 'HTTP request failed'));
    app.use(async (context) => {
      // Not `context.path`: it throws for some URLs that anyone can send.
      const [path] = context.url.split('?', 1);
      if (api && path?.startsWith('/api/')) await api.serve(context);
      else if (context.method !== 'GET' && context.method !== 'HEAD') {
        context.status = 405;
        context.set('Allow', 'GET, HEAD');
      } else if (path === '/healthz') context.body = 'ok';
      else if (path === '/readyz') {
        const why = unready();
        context.status = why === undefined ? 200 : 503;
        context.body = [why ?? `ok: ${state()}`, ...notices()].join('\n');
      } else if (path === operatorMetricsPath) await serveMetrics(context, exposition);
    });
    const handle = app.callback();
    this.#server = new GuardedHttpServer({
      ...{ limits, clock, refused },
      serve: async (request, response) => void (await handle(request, response)),
    });
  }

  /** Number of connections. */
  get connections(): number {
    return this.#server.connections;
  }

  /**
   * Listens on all addresses. Rejects with the error of the socket.
   * @param port 0: any free port
   * @returns the port
   */
  listen(port: number): Promise<number> {
    return this.#server.listen(port);
  }

  /** Completes requests in progress and closes every connection. */
  close(): Promise<void> {
    return this.#server.close(closeGraceMs);
  }
}

async function serveMetrics(context: Koa.Context, exposition: SharedExposition): Promise<void> {
  const form = acceptsGzip(context.get('Accept-Encoding')) ? 'gzip' : 'plain';
  const body = await exposition.get(form);
  if (!body) {
    context.status = 500;
    return;
  }
  context.type = body.contentType;
  context.vary('Accept-Encoding');
  if (form === 'gzip') context.set('Content-Encoding', form);
  context.body = body.bytesFor(context.res, form);
}
