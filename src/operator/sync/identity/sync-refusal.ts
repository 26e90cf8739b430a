/** Why a request is refused; also the `result` in metrics. */
export type RefusalCode =
  /** The request has no token. */
  | 'NoToken'
  /** The token is expired, for another audience, of another cluster, or not a token. */
  | 'InvalidToken'
  /** The token is valid, but the pod is not a known agent. */
  | 'NotAnAgent'
  | 'NotFound'
  | 'TooLarge'
  | 'InvalidSync'
  /** The agent sends too many requests. */
  | 'TooManyRequests'
  /** A newer request of the same agent arrived. */
  | 'Superseded'
  /** This operator is not the leader, is stopping, or does not know the API server's keys. */
  | 'Unavailable';

/** HTTP status by code. */
export const refusalStatuses: Record<RefusalCode, number> = {
  NoToken: 401,
  InvalidToken: 401,
  NotAnAgent: 403,
  NotFound: 404,
  TooLarge: 413,
  InvalidSync: 400,
  TooManyRequests: 429,
  Superseded: 409,
  Unavailable: 503,
};

/** A refused request to the sync server. Its message is the body of the response and goes into logs. */
export class SyncRefusal extends Error {
  override readonly name = 'SyncRefusal';
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }

  /** The corresponding HTTP status. */
  get status(): number {
    return refusalStatuses[this.code];
  }
}
