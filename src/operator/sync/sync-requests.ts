import type { IncomingMessage } from 'node:http';
import { type Clock, pause } from '../../base/clock.ts';
import { withoutSecrets } from '../../base/redaction.ts';
import type { Rate } from '../../base/token-bucket.ts';
import { ClientRates } from '../../listeners/client-rates.ts';
import { ProtocolError } from '../../protocol/document.ts';
import { decodeSyncRequest, maxRequestBytes, syncPath } from '../../protocol/sync.ts';
import type { AuthenticatedAgent } from '../agents/sync-source.ts';
import { type AgentConnection, retryAfterSeconds } from './agent-connection.ts';
import { SyncRefusal } from './identity/sync-refusal.ts';
import type { RateLimitedLog } from './rate-limited-log.ts';
import { readBody, skipBody } from './request-body.ts';
import { RequestTurns } from './request-turns.ts';
import type { SyncHub } from './sync-hub.ts';
import type { SyncObserver } from './sync-metrics.ts';

export interface SyncRequestsParts {
  hub: Pick<SyncHub, 'exchange'>;
  /**
   * Authenticates a token.
   * @throws SyncRefusal; any other error means that authentication is not possible at present
   */
  identify: (token: string) => Promise<AuthenticatedAgent>;
  /** Whether this operator answers agents. */
  isLeading: () => boolean;
  /** Assigns the connection to the agent. @throws SyncRefusal if it belongs to another agent */
  claim: (connection: AgentConnection, agent: AuthenticatedAgent) => void;
  observe: SyncObserver;
  refusals: RateLimitedLog;
  clock: Clock;
}

/** Rate of the requests of one agent. An agent needs four per minute, and one for each change. */
export const agentRate: Rate = { perSecond: 2, burst: 10 };

const never = new AbortController().signal;

/** Reads and authenticates requests, and passes those of agents to the hub; refuses all others. */
export class SyncRequests {
  readonly #parts: SyncRequestsParts;
  /** By the pod's UID. */
  readonly #rates: ClientRates;
  readonly #turns: RequestTurns;

  constructor(parts: SyncRequestsParts) {
    this.#parts = parts;
    this.#rates = new ClientRates(agentRate, parts.clock);
    this.#turns = new RequestTurns(parts.clock);
  }

  /** Processes the request that the connection has begun. Never rejects. */
  async take(request: IncomingMessage, connection: AgentConnection): Promise<void> {
    try {
      const agent = await this.#admit(request, connection);
      const body = await readBody(request, maxRequestBytes);
      forget(request);
      await this.#turns.run(() => {
        // One whose connection has closed meanwhile comes again.
        if (!connection.socket.destroyed) this.#parts.hub.exchange(agent, decodeSyncRequest(body), connection);
      });
    } catch (error) {
      await this.#refuse(request, connection, error);
    }
  }

  /** @throws SyncRefusal, or the error that prevents authentication */
  async #admit(request: IncomingMessage, connection: AgentConnection): Promise<AuthenticatedAgent> {
    if (!this.#parts.isLeading()) throw new SyncRefusal('Unavailable', 'this operator is not the leader; retry');
    if (request.url !== syncPath || request.method !== 'POST')
      throw new SyncRefusal('NotFound', `the only endpoint is POST ${syncPath}`);
    const [, token] = /^Bearer +([^ ]+) *$/i.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined)
      throw new SyncRefusal(
        'NoToken',
        "no bearer token; send the pod's token for the audience net-exporter in the header Authorization",
      );
    const agent = await this.#parts.identify(token);
    if (connection.socket.destroyed) throw new Error('the connection closed before the agent was identified');
    this.#parts.claim(connection, agent);
    if (!this.#rates.allow(agent.podUid))
      throw new SyncRefusal(
        'TooManyRequests',
        `more than ${agentRate.perSecond} requests per second; retry after ${retryAfterSeconds} s`,
      );
    return agent;
  }

  async #refuse(request: IncomingMessage, connection: AgentConnection, error: unknown): Promise<void> {
    if (connection.socket.destroyed) return;
    const refusal = this.#refusalOf(error);
    if (refusal.code !== 'Unavailable')
      this.#parts.refusals.report(refusal.code, refusal.message, connection.socket.remoteAddress);
    if (refusal.code === 'TooManyRequests') {
      // The connection is in use until then, and nothing more is read from it. Node discards the body afterwards.
      await pause(this.#parts.clock, retryAfterSeconds * 1000, never);
      connection.refuse(refusal);
      return;
    }
    try {
      if (refusal.code !== 'TooLarge') await skipBody(request, maxRequestBytes);
      connection.refuse(refusal);
    } catch {
      // The body is too large, or the connection closed.
      this.#parts.observe.answered(refusal.code);
      connection.socket.destroy();
    }
  }

  #refusalOf(error: unknown): SyncRefusal {
    if (error instanceof SyncRefusal) return error;
    if (error instanceof ProtocolError) return new SyncRefusal('InvalidSync', error.message);
    this.#parts.refusals.report(
      'unanswered',
      `cannot identify the agent: ${withoutSecrets((error as Error).message)}`,
      undefined,
    );
    return new SyncRefusal('Unavailable', 'cannot identify agents at present; retry');
  }
}

/** Releases what a held request does not need, mainly the token: two kilobytes per agent. */
function forget(request: IncomingMessage): void {
  request.headers = {};
  request.rawHeaders = [];
}
