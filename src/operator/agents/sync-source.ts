import type { Acknowledgement, Held, SyncAnswer, SyncRequest } from '../../protocol/sync.ts';

/** The agent that sent a request, after authentication. */
export interface AuthenticatedAgent {
  /** The key of its NetExporter: `namespace/name`. */
  resource: string;
  podUid: string;
  pod: string;
  node: string;
}

/** What an agent does not have yet. */
export type SyncNews = Pick<SyncAnswer, 'settings' | 'settingsDigest' | 'assignment'>;

/** Provides responses to agents, and processes their requests. All methods are synchronous. */
export interface SyncSource {
  /**
   * What differs from what is held; nothing where it is up to date. Undefined while nothing is known of the agent's
   * NetExporter.
   */
  answerFor(agent: AuthenticatedAgent, held: Held): SyncNews | undefined;
  /** Takes in a request. @returns which report needs not be sent again */
  took(agent: AuthenticatedAgent, request: SyncRequest): Acknowledgement | undefined;
  /** For how long the request that was taken in last is held at most while there is nothing new, in milliseconds. */
  holdMsOf(agent: AuthenticatedAgent): number;
  /** The agent's connection is lost, from which nothing follows yet. */
  gone(agent: AuthenticatedAgent): void;
}
