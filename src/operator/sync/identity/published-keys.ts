import type { JSONWebKeySet, JWK } from 'jose';
import { apiPaths } from '../../../contract/api-uses.ts';
import type { ApiClient } from '../../kube/api-client.ts';
import { ApiError, isApiError } from '../../kube/api-error.ts';

/** What the API server publishes about the tokens that it issues (OpenID Connect Discovery 1.0, KEP-1393). */
export interface PublishedKeys {
  issuer: string;
  keys: JSONWebKeySet;
}

/** Where it does. It serves the keys at this path whatever address it announces for them. */
export const { issuer: issuerPath, keys: keysPath } = apiPaths;

/** It answers no other Accept there (RFC 7517 §8.5.1). */
const keysType = 'application/jwk-set+json';

/** @throws ApiError; NotFound, with what to do, where nothing is published */
export async function readPublishedKeys(client: Pick<ApiClient, 'document'>): Promise<PublishedKeys> {
  try {
    const configuration = await client.document(issuerPath);
    const keys = await client.document(keysPath, keysType);
    const { issuer } = (configuration ?? {}) as { issuer?: unknown };
    if (typeof issuer !== 'string')
      throw new ApiError('Unexpected', `the API server's response to ${issuerPath} has no issuer`);
    return { issuer, keys: { keys: distinct(keys) } };
  } catch (error) {
    throw isApiError(error, 'NotFound') ? unpublished(error) : error;
  }
}

/**
 * An API server that was given the same key in two files publishes it twice, by one id, which then would say nothing.
 */
function distinct(set: unknown): JWK[] {
  const { keys } = (set ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new ApiError('Unexpected', `the API server's response to ${keysPath} has no keys`);
  return [...new Map(keys.map((key: JWK) => [JSON.stringify(key), key])).values()];
}

function unpublished(cause: ApiError): ApiError {
  const message =
    "the API server does not publish the keys that verify agents' tokens; set its --service-account-issuer to an https URL";
  return new ApiError('NotFound', message, { status: cause.status, cause });
}
