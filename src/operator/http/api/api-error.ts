/** A request that is not answered with what it asks for. */
export class ApiRequestError extends Error {
  override readonly name = 'ApiRequestError';
  readonly status: number;
  /** When to try again, in seconds. */
  readonly retryAfter: number | undefined;

  /** @param message a sentence: what is wrong, and what to do */
  constructor(status: number, message: string, retryAfter?: number) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}
