import type { IncomingMessage } from 'node:http';
import { withoutSecrets } from '../../base/redaction.ts';
import { ProtocolError } from '../../protocol/document.ts';
import { decodeSyncRequest, maxRequestBytes, syncPath } from '../../protocol/sync.ts';
import type { AuthenticatedAgent } from '../agents/sync-source.ts';
import type { AgentConnection } from './agent-connection.ts';
import { SyncRefusal } from './identity/sync-refusal.ts';
import type { RateLimitedLog } from './rate-limited-log.ts';
import { readBody, skipBody } from './request-body.ts';
import type { SyncHub } from './sync-hub.ts';
import type { SyncObserver } from './sync-metrics.ts';

export interface SyncRequestsParts {
  hub: Pick<SyncHub, 'exchange'>;
  /** Whose token this is. @throws SyncRefusal; whatever else it throws means that it cannot be known at present */
  identify: (token: string) => Promise<AuthenticatedAgent>;
  /** Whether agents are answered here. */
  isLeading: () => boolean;
  /** The connection is this agent's from now on. @throws SyncRefusal where it is another agent's */
  claim: (connection: AgentConnection, agent: AuthenticatedAgent) => void;
  observe: SyncObserver;
  refusals: RateLimitedLog;
}

/** Reads requests, lets agents in, and gives the hub what they ask; all others are refused. */
export class SyncRequests {
  readonly #parts: SyncRequestsParts;

  constructor(parts: SyncRequestsParts) {
    this.#parts = parts;
  }

  /** Takes in the request that the connection has begun. Never rejects. */
  async take(request: IncomingMessage, connection: AgentConnection): Promise<void> {
    try {
      const agent = await this.#admit(request, connection);
      const sync = decodeSyncRequest(await readBody(request, maxRequestBytes));
      forget(request);
      this.#parts.hub.exchange(agent, sync, connection);
    } catch (error) {
      await this.#refuse(request, connection, error);
    }
  }

  /** @throws SyncRefusal, or why it is not known who it is */
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
    return agent;
  }

  async #refuse(request: IncomingMessage, connection: AgentConnection, error: unknown): Promise<void> {
    if (connection.socket.destroyed) return;
    const refusal = this.#refusalOf(error);
    if (refusal.code !== 'Unavailable')
      this.#parts.refusals.report(refusal.code, refusal.message, connection.socket.remoteAddress);
    try {
      if (refusal.code !== 'TooLarge') await skipBody(request, maxRequestBytes);
      connection.refuse(refusal);
    } catch {
      // Too much of it, or it broke off.
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

/** Drops what is not needed while the request is held, above all the token: two kilobytes for each agent. */
function forget(request: IncomingMessage): void {
  request.headers = {};
  request.rawHeaders = [];
}
