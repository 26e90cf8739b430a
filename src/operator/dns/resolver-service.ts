import type { ApiClient } from '../kube/api-client.ts';
import type { Resource } from '../kube/resource.ts';
import type { DnsServiceName } from './dns-watch.ts';

/**
 * The Service behind this pod's own nameserver, which is the cluster's DNS whatever it is called and wherever it is.
 * @param services the resource
 * @param nameservers their addresses, in order
 * @returns undefined where no nameserver is a Service: one cache a node, or a process outside the cluster
 * @throws ApiError
 */
export async function resolverService(
  client: Pick<ApiClient, 'list'>,
  services: Resource,
  nameservers: readonly string[],
  signal: AbortSignal,
): Promise<DnsServiceName | undefined> {
  for (const address of nameservers) {
    const { items } = await client.list(services, { fieldSelector: `spec.clusterIP=${address}`, limit: 2 }, signal);
    const [service] = items ?? [];
    if (service?.metadata.namespace) return { namespace: service.metadata.namespace, name: service.metadata.name };
  }
  return undefined;
}
