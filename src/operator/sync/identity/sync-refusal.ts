/** Why a request is not answered, as a word to count by. */
export type RefusalCode =
  /** The request carries no token at all. */
  | 'NoToken'
  /** Its token is expired, for someone else, of another cluster, or none. */
  | 'InvalidToken'
  /** Its token is good, but the pod is no agent that is known. */
  | 'NotAnAgent'
  | 'NotFound'
  | 'TooLarge'
  | 'InvalidSync'
  /** Another request of the same agent has come meanwhile. */
  | 'Superseded'
  /** Nobody is answered here at present: this operator does not lead, is about to stop, or does not know the API server's keys. */
  | 'Unavailable';

const statuses: Record<RefusalCode, number> = {
  NoToken: 401,
  InvalidToken: 401,
  NotAnAgent: 403,
  NotFound: 404,
  TooLarge: 413,
  InvalidSync: 400,
  Superseded: 409,
  Unavailable: 503,
};

/** A request to the sync server that is refused. Its message is the answer's body and goes into logs. */
export class SyncRefusal extends Error {
  override readonly name = 'SyncRefusal';
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }

  /** The HTTP status that says the same. */
  get status(): number {
    return statuses[this.code];
  }
}
