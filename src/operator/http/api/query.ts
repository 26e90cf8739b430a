import { defaultLimit, listRoutes, maxLimit } from '../../../contract/api/routes.ts';
import type { ListName } from '../../../contract/api/rows.ts';
import { ApiRequestError } from './api-error.ts';

/** Longest query that is parsed. */
const maxQueryLength = 4096;

/** Which NetExporters are asked for. */
export interface ResourceQuery {
  namespace?: string;
  netexporter?: string;
}

/** What is asked for in a list. */
export interface ListQuery extends ResourceQuery {
  node?: string;
  state?: string;
  limit: number;
  /** Key of the last row of the answer before. */
  after: readonly string[] | undefined;
}

/** @throws ApiRequestError if a parameter is not valid */
export function parseResourceQuery(search: string): ResourceQuery {
  return parametersOf(search, ['namespace', 'netexporter']);
}

/**
 * @param search the query of the URL, without the question mark
 * @throws ApiRequestError if a parameter is not valid
 */
export function parseListQuery(name: ListName, search: string): ListQuery {
  const { filters, states } = listRoutes[name];
  const parameters = parametersOf(search, ['namespace', 'netexporter', 'limit', 'after', ...filters]);
  const { limit: limitText = String(defaultLimit), after, state, ...others } = parameters;
  const limit = Number(limitText);
  if (!/^\d+$/.test(limitText) || limit < 1 || limit > maxLimit)
    throw new ApiRequestError(400, `The parameter limit must be a number from 1 to ${maxLimit}.`);
  if (state !== undefined && !states.includes(state))
    throw new ApiRequestError(400, `The parameter state must be one of ${states.join(', ')}.`);
  return { ...others, ...(state !== undefined && { state }), limit, after: after === undefined ? after : keyIn(after) };
}

/** The value of `after` that a key has. */
export function cursorOf(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url');
}

function keyIn(cursor: string): string[] {
  try {
    const key: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(key) && key.every((part) => typeof part === 'string')) return key;
  } catch {
    // Refused below.
  }
  throw new ApiRequestError(400, 'The parameter after must be the value of next of the answer before.');
}

function parametersOf(search: string, known: readonly string[]): Record<string, string> {
  if (search.length > maxQueryLength) throw new ApiRequestError(400, 'The query is too long.');
  const found: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(search)) {
    if (!known.includes(name)) throw new ApiRequestError(400, `The parameters are ${known.join(', ')}.`);
    if (name in found) throw new ApiRequestError(400, `The parameter ${name} is given twice.`);
    found[name] = value;
  }
  return found;
}
