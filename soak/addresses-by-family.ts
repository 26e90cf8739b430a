import { isIP } from 'node:net';

/** Of Nodes, Pods, Services and EndpointSlices, where their addresses are. */
export interface AddressedObject {
  kind: string;
  metadata: { namespace?: string; name: string };
  spec?: { clusterIPs?: string[] };
  status?: { addresses?: { address: string }[]; podIPs?: { ip: string }[]; hostIPs?: { ip: string }[] };
  endpoints?: { addresses: string[] }[] | null;
}

/** The addresses of objects by their family, each with the object that has it. */
export function addressesByFamily(objects: readonly AddressedObject[]): { ipv4: string[]; ipv6: string[] } {
  const found = objects.flatMap(({ kind, metadata, spec, status, endpoints }) => {
    const object = [kind, metadata.namespace, metadata.name].filter((part) => part !== undefined).join(' ');
    return [
      ...(spec?.clusterIPs ?? []),
      ...(status?.addresses ?? []).map(({ address }) => address),
      ...[...(status?.podIPs ?? []), ...(status?.hostIPs ?? [])].map(({ ip }) => ip),
      ...(endpoints ?? []).flatMap(({ addresses }) => addresses),
    ].map((address) => ({ family: isIP(address), text: `${object}: ${address}` }));
  });
  const of = (family: 4 | 6) => found.filter((each) => each.family === family).map(({ text }) => text);
  return { ipv4: of(4), ipv6: of(6) };
}
