/**
 * How a request of the operator came to nothing:
 * - `unreachable`: no connection, or one that was lost
 * - `untrusted`: who answers cannot show that it is the operator
 * - `timeout`: no answer in time
 * - `unavailable`: an operator that does not lead, or is about to stop (503)
 * - `unauthorized`: the operator does not take the agent for one of its own (401, 403)
 * - `refused`: any other status
 * - `malformed`: an answer that cannot be understood
 * - `credential`: the agent has no token
 * - `fault`: a fault of the agent itself
 */
export const syncFailures = [
  ...(['unreachable', 'untrusted', 'timeout', 'unavailable', 'unauthorized', 'refused', 'malformed'] as const),
  ...(['credential', 'fault'] as const),
] as const;

export type SyncFailure = (typeof syncFailures)[number];

/** A request that brought no answer; `message` says why, and holds no part of a credential. */
export class SyncError extends Error {
  readonly code: SyncFailure;
  /** After how many milliseconds whoever answered wants to be asked again. */
  readonly retryAfterMs: number | undefined;
  override readonly name = 'SyncError';

  constructor(code: SyncFailure, message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}
