export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'other';

/** What a request asks of the API server. */
export interface ApiRequest {
  verb: Verb;
  /** The plural; empty for what is no resource, such as `/readyz`. */
  resource: string;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
}

const verbs: Readonly<Record<string, Verb>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/**
 * Reads a request as the API server does (Kubernetes API concepts, "Resource URIs").
 * @param target path and query
 */
export function apiRequest(method: string, target: string): ApiRequest {
  const { pathname, searchParams } = new URL(target, 'https://api');
  const [root, ...parts] = pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const none = { resource: '', namespace: undefined, name: undefined, subresource: undefined };
  // `/api/v1/…` and `/apis/GROUP/VERSION/…`; without a resource behind them they are discovery.
  const path = root === 'api' ? parts.slice(1) : root === 'apis' ? parts.slice(2) : [];
  if (path.length === 0) return { verb: method === 'GET' ? 'get' : 'other', ...none };
  const namespaced = path[0] === 'namespaces' && path.length > 2;
  const [resource = '', name, subresource] = namespaced ? path.slice(2) : path;
  const namespace = namespaced ? path[1] : undefined;
  const watch = ['true', '1'].includes(searchParams.get('watch') ?? '');
  const read = watch ? 'watch' : name === undefined ? 'list' : 'get';
  return { verb: method === 'GET' ? read : (verbs[method] ?? 'other'), resource, namespace, name, subresource };
}

export function isWrite({ verb }: { verb: Verb }): boolean {
  return verb === 'create' || verb === 'update' || verb === 'patch' || verb === 'delete';
}
