import type { ApiClient } from './api-client.ts';
import { isApiError } from './api-error.ts';
import type { Resource } from './resource.ts';

/**
 * Whether the API server serves a kind for all that we do with it. One whose definition is being deleted is still
 * served, but its objects can no longer be created, so it counts as not served.
 * @throws ApiError when the API server did not say
 */
export async function isServed(
  client: Pick<ApiClient, 'served'>,
  resource: Resource,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    const served = await client.served(resource, signal);
    return served.some(({ name, verbs }) => name === resource.plural && verbs.includes('create'));
  } catch (error) {
    if (isApiError(error, 'NotFound')) return false;
    throw error;
  }
}

/** Ends the message of the 403 to a creation while the definition is being deleted (apiextensions-apiserver 0.37). */
const terminating = 'not allowed while custom resource definition is terminating';

/**
 * Whether an answer to a request says that the kind is not served: its definition was deleted (404 without the name of
 * an object), or is being deleted (405, or 403 with these words).
 */
export function saysNotServed(error: unknown): boolean {
  if (!isApiError(error)) return false;
  if (error.code === 'Forbidden') return error.message.endsWith(terminating);
  return error.status === 405 || (error.code === 'NotFound' && !error.message.endsWith('" not found'));
}
