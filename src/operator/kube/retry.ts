import { isApiError } from './api-error.ts';

/** How often one request is sent again at most. What fails for longer is the caller's back-off's business. */
export const maxRetries = 2;

const longestWaitMs = 5000;

/**
 * How long to wait before the same request is sent again, or undefined when it is not to be. Only where the API server
 * asks for it: a 429 was not processed (API Priority and Fairness), and neither was a 5xx that carries a Retry-After.
 * @param retries how often it was sent again already
 * @returns milliseconds
 */
export function retryDelay(error: unknown, retries: number): number | undefined {
  if (retries >= maxRetries || !isApiError(error)) return undefined;
  if (error.code !== 'TooManyRequests' && error.retryAfterMs === undefined) return undefined;
  const wait = error.retryAfterMs ?? 1000;
  return wait <= longestWaitMs ? wait : undefined;
}
