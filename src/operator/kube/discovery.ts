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

/**
 * Whether an answer to a request says that the kind is not served: its definition has gone (404, of no object by name),
 * or is being deleted (405).
 */
export function saysNotServed(error: unknown): boolean {
  if (!isApiError(error)) return false;
  return error.status === 405 || (error.code === 'NotFound' && !error.message.endsWith('" not found'));
}
