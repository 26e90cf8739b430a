import type { ApiClient } from '../kube/api-client.ts';

/**
 * The client, with lists and watches narrowed to one namespace, and perhaps to the one object of a name, for a reflector of it.
 * @param idleMs when a watch says nothing for so long it ends; as the reflector says where this is left out
 */
export function narrowed(
  client: Pick<ApiClient, 'list' | 'watch'>,
  { namespace, name }: { namespace: string; name?: string },
  idleMs?: number,
): Pick<ApiClient, 'list' | 'watch'> {
  const only = { namespace, ...(name !== undefined && { fieldSelector: `metadata.name=${name}` }) };
  return {
    list: (resource, query, signal) => client.list(resource, { ...query, ...only }, signal),
    watch: (resource, query, ofReflector, signal) =>
      client.watch(resource, { ...query, ...only }, idleMs ?? ofReflector, signal),
  };
}
