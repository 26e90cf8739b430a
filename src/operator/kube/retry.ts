import { isApiError } from './api-error.ts';

/** Maximum number of retries of one request. For longer failures, callers back off themselves. */
export const maxRetries = 2;

const longestWaitMs = 5000;

/** Upper bound on an honoured Retry-After. */
const longestRetryAfterMs = 30_000;

/**
 * How long to wait before the same request is sent again, or undefined when it is not to be. Only where the API server
 * asks for it: a 429 was not processed (API Priority and Fairness), and neither was a 5xx that carries a Retry-After.
 * @param retries how often it was sent again already
 * @param random uniform in [0, 1): up to a quarter is added, so that those who were refused together come back apart
 * @returns milliseconds
 */
export function retryDelay(error: unknown, retries: number, random: () => number): number | undefined {
  if (retries >= maxRetries || !isApiError(error)) return undefined;
  if (error.code !== 'TooManyRequests' && error.retryAfterMs === undefined) return undefined;
  const wait = error.retryAfterMs ?? 1000;
  return wait <= longestWaitMs ? jittered(wait, random) : undefined;
}

/**
 * How long a back-off that follows this error has to be at least, in milliseconds; 0 where the API server asked for
 * nothing.
 */
export function leastDelay(error: unknown, random: () => number): number {
  const wait = isApiError(error) ? (error.retryAfterMs ?? 0) : 0;
  return jittered(Math.min(wait, longestRetryAfterMs), random);
}

function jittered(wait: number, random: () => number): number {
  return wait + (wait / 4) * random();
}
