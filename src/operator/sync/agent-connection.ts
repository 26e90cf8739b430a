import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { encodeSyncAnswer, type SyncAnswer } from '../../protocol/sync.ts';
import type { AuthenticatedAgent } from '../agents/sync-source.ts';
import type { RefusalCode, SyncRefusal } from './identity/sync-refusal.ts';
import type { Waiter } from './sync-hub.ts';
import type { SyncObserver } from './sync-metrics.ts';

/**
 * Retry-After in seconds, for agents that reach a standby (there is a leader within a few seconds) and for those that
 * send too many requests.
 */
export const retryAfterSeconds = 1;

/** After these, the agent sends its next request without a new handshake. */
const keepsConnection: readonly RefusalCode[] = ['TooManyRequests'];
const retriesSoon: readonly RefusalCode[] = ['TooManyRequests', 'Unavailable'];

/**
 * A connection and its pending request. Besides Node's own objects, it is all that a waiting agent costs.
 */
export class AgentConnection implements Waiter {
  readonly socket: TLSSocket;
  readonly #observe: SyncObserver;
  /** The connection under TLS, until an agent is authenticated. */
  unauthenticated: Socket | undefined;
  /** The authenticated agent, which never changes; undefined before authentication. */
  agent: AuthenticatedAgent | undefined;
  #response: ServerResponse | undefined;

  constructor(socket: TLSSocket, unauthenticated: Socket | undefined, observe: SyncObserver) {
    this.socket = socket;
    this.unauthenticated = unauthenticated;
    this.#observe = observe;
  }

  /** Begins a request. @returns false if another one is pending: agents send one at a time */
  begin(response: ServerResponse): boolean {
    if (this.#response) return false;
    this.#response = response;
    return true;
  }

  /** Whether a request is pending. */
  get isBusy(): boolean {
    return this.#response !== undefined;
  }

  answer(answer: SyncAnswer): void {
    this.#observe.answered(answer.settings || answer.assignment ? 'changed' : 'unchanged');
    this.#send(200, encodeSyncAnswer(answer), { 'content-type': 'application/json' });
  }

  /** Sends the reason. Closes the connection, so that a retry needs a new handshake, unless the agent is throttled. */
  refuse({ code, status, message }: SyncRefusal): void {
    this.#observe.answered(code);
    this.#send(status, `${message}\n`, {
      'content-type': 'text/plain; charset=utf-8',
      ...(!keepsConnection.includes(code) && { connection: 'close' }),
      ...(retriesSoon.includes(code) && { 'retry-after': retryAfterSeconds }),
      // RFC 6750 §3.
      ...(status === 401 && { 'www-authenticate': code === 'NoToken' ? 'Bearer' : 'Bearer error="invalid_token"' }),
    });
  }

  #send(status: number, body: string, headers: Record<string, string | number>): void {
    const response = this.#response;
    this.#response = undefined;
    if (!response || response.destroyed) return;
    response.sendDate = false;
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
  }
}
