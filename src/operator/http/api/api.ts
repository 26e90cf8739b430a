import { createHash } from 'node:crypto';
import type Koa from 'koa';
import type { Logger } from 'pino';
import type { Clock } from '../../../base/clock.ts';
import { Slices } from '../../../base/slices.ts';
import { apiPath, passedOnHeader, reportPath } from '../../../contract/api/routes.ts';
import { listNames } from '../../../contract/api/rows.ts';
import { ClientRates } from '../../../listeners/client-rates.ts';
import { apiRate, maxApiClients, maxUnreadApiBytes } from '../../../listeners/listener-limits.ts';
import { limitedAddress } from '../../../listeners/remote-address.ts';
import { UnreadBodies } from '../../../listeners/unread-bodies.ts';
import { timestamp } from '../../status/wording.ts';
import { type AllowedHosts, HostRule, nameIn } from './allowed-hosts.ts';
import { ApiRequestError } from './api-error.ts';
import type { ApiRefusal } from './api-refusal.ts';
import type { ApiSource } from './api-source.ts';
import { FleetViews } from './fleet-views.ts';
import { LeaderProxy } from './leader-proxy.ts';
import { listPage } from './list-page.ts';
import { type Leader, listText } from './list-text.ts';
import { parseListQuery, parseResourceQuery } from './query.ts';
import { textReport } from './text-report.ts';

/** Answering lets everything else have its turn after so long, in milliseconds. */
const sliceMs = 5;

/** When to ask again while there is no leader, in seconds: another one leads after at most 20. */
const retryAfterSeconds = 5;

/** Nothing of an answer may be run, framed, read by pages of other origins, or kept without asking again. */
const securityHeaders = {
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

export interface ApiParts {
  source: ApiSource;
  hosts: AllowedHosts;
  /** At which the leader listens. */
  leaderPort: number;
  podName: string;
  version: string;
  /** Called for each request that is refused. */
  refused: (reason: ApiRefusal) => void;
  /** Called for each connection that is ended because its client does not read. */
  unread: () => void;
  clock: Clock;
  log: Logger;
}

interface Answer {
  type: 'application/json' | 'text/plain';
  body: string;
}

/** The read-only API. The leader answers; another replica passes requests on to it, once. */
export class Api {
  readonly #parts: ApiParts;
  readonly #hosts: HostRule;
  readonly #rates: ClientRates;
  readonly #views: FleetViews;
  readonly #proxy: LeaderProxy;
  readonly #unread: UnreadBodies;

  constructor(parts: ApiParts) {
    this.#parts = parts;
    this.#hosts = new HostRule(parts.hosts);
    this.#rates = new ClientRates(apiRate, parts.clock, maxApiClients);
    this.#views = new FleetViews(parts.source, parts.clock);
    this.#proxy = new LeaderProxy(parts.clock);
    this.#unread = new UnreadBodies(maxUnreadApiBytes, parts.unread);
  }

  /** Answers a request whose path begins with `/api/`. */
  async serve(context: Koa.Context): Promise<void> {
    context.set(securityHeaders);
    try {
      this.#admit(context);
      const answer = this.#routeOf(context.url);
      if (this.#parts.source.isLeading()) this.#send(context, await answer());
      else await this.#passOn(context);
    } catch (error) {
      const { status, retryAfter, message } = error instanceof ApiRequestError ? error : this.#fault(error);
      context.status = status;
      if (retryAfter !== undefined) context.set('Retry-After', String(retryAfter));
      context.body = { error: message };
    }
  }

  /** Not left to Koa, which would take the headers off. */
  #fault(error: unknown): ApiRequestError {
    this.#parts.log.warn({ err: error }, 'cannot answer a request of the API');
    return new ApiRequestError(500, "Internal error of the operator, which is described in the operator's log.");
  }

  close(): Promise<void> {
    return this.#proxy.close();
  }

  #admit(context: Koa.Context): void {
    const { refused } = this.#parts;
    if (!this.#rates.allow(limitedAddress(context.req.socket.remoteAddress))) {
      refused('rate');
      throw new ApiRequestError(429, 'This address has sent too many requests. Try again in a second.', 1);
    }
    const { host } = context.req.headers;
    if (!this.#hosts.allows(host)) {
      refused('host');
      const name = nameIn(host) ?? '';
      throw new ApiRequestError(
        421,
        `The host "${name}" is not allowed. Use an IP address, localhost or the name of the Service, or add the host to PAGE_HOSTS in the Deployment of the operator.`,
      );
    }
    if (context.method === 'GET' || context.method === 'HEAD') return;
    context.set('Allow', 'GET, HEAD');
    throw new ApiRequestError(405, 'The API is read-only: use GET or HEAD.');
  }

  /** @throws ApiRequestError if there is no such path, or the query is not valid */
  #routeOf(url: string): () => Promise<Answer> {
    const [path = '', search = ''] = url.split(/\?(.*)/s);
    const { source, clock } = this.#parts;
    const lists = { source, views: this.#views, slices: new Slices(clock, sliceMs) };
    if (path === reportPath) {
      const query = parseResourceQuery(search);
      return async () => ({ type: 'text/plain', body: await textReport(query, { ...lists, leader: this.#leader() }) });
    }
    const name = listNames.find((each) => path === `${apiPath}/${each}`);
    if (!name) {
      const paths = [...listNames.map((each) => `${apiPath}/${each}`), reportPath];
      throw new ApiRequestError(404, `There is no ${path.slice(0, 100)}. The paths are ${paths.join(', ')}.`);
    }
    const query = parseListQuery(name, search);
    return async () => ({
      type: 'application/json',
      body: listText(this.#leader(), await listPage(name, query, lists)),
    });
  }

  #leader(): Leader {
    const { source, podName: pod, version } = this.#parts;
    const since = source.leadingSince();
    return { pod, version, ...(since !== undefined && { since: timestamp(since) }) };
  }

  #send(context: Koa.Context, { type, body }: Answer): void {
    context.type = `${type}; charset=utf-8`;
    context.etag = createHash('sha256').update(body).digest('base64url').slice(0, 22);
    this.#end(context, body);
  }

  #end(context: Koa.Context, text: string): void {
    context.status = 200;
    if (context.fresh) {
      context.status = 304;
      return;
    }
    const body = Buffer.from(text);
    this.#unread.limit();
    this.#unread.add(body, context.res);
    context.body = body;
  }

  /** @throws ApiRequestError if there is no leader, or it does not answer */
  async #passOn(context: Koa.Context): Promise<void> {
    this.#views.clear();
    const { source, leaderPort, refused, log } = this.#parts;
    const address = source.leaderAddress();
    // Passed on already: the other replica takes this one for the leader.
    if (address === undefined || context.req.headers[passedOnHeader] !== undefined) {
      refused('no_leader');
      throw new ApiRequestError(503, 'No replica of the operator leads at present.', retryAfterSeconds);
    }
    try {
      const { 'if-none-match': etag } = context.req.headers;
      const answer = await this.#proxy.get(address, leaderPort, context.url, etag);
      context.type = answer.type ?? 'text/plain; charset=utf-8';
      if (answer.etag !== undefined) context.set('ETag', answer.etag);
      if (answer.retryAfter !== undefined) context.set('Retry-After', answer.retryAfter);
      if (answer.status === 200) this.#end(context, answer.body);
      else {
        context.status = answer.status;
        if (answer.status !== 304) context.body = answer.body;
      }
    } catch (error) {
      log.debug({ err: error, address }, 'the leader does not answer a request of the API');
      refused('no_leader');
      throw new ApiRequestError(503, 'The leader of the operator does not answer.', retryAfterSeconds);
    }
  }
}
