import { netnsFile } from './netns.ts';

/** IPv4 only, IPv6 only, or both with IPv4 as the primary family. */
export const ipFamilies = ['ipv4', 'ipv6', 'dual'] as const;
export type IpFamily = (typeof ipFamilies)[number];

/**
 * Every address and name on the machine that a cluster uses, all derived from its slot number, so that two clusters
 * with different slots share none and a crashed one's leftovers can be found by their names. Every list of addresses or
 * networks has those of the cluster's families, the primary one first.
 */
export interface Addresses {
  slot: number;
  ipFamily: IpFamily;
  /** The interface of the machine in the nodes' network; the control plane listens on its primary address only. */
  hostInterface: string;
  hostAddress: string;
  hostAddresses: string[];
  nodeNetworks: string[];
  podNetworks: string[];
  serviceNetworks: string[];
  apiServiceAddress: string;
  dnsServiceAddresses: string[];
  /** Prefix of the names of all our network namespaces. */
  netnsPrefix: string;
  /** The namespace of the switch that joins nodes and machine. */
  switchNetns: string;
}

export interface NodeAddresses {
  name: string;
  zone: string;
  netnsName: string;
  netns: string;
  addresses: string[];
  podCidrs: string[];
  /** The node's port on the switch. */
  switchPort: string;
}

export const clusterDomain = 'cluster.local';

export const slots = 16;
export const maximumNodes = 200;
const zones = ['a', 'b', 'c'];

export function addressesOf(slot: number, ipFamily: IpFamily = 'ipv4'): Addresses {
  const list = listsOf[ipFamily];
  const prefix = uniqueLocalPrefix(slot);
  const hostAddresses = list(`172.31.${99 + slot}.1`, `${prefix}::1`);
  return {
    slot,
    ipFamily,
    hostInterface: `nec${slot}`,
    hostAddress: hostAddresses[0]!,
    hostAddresses,
    nodeNetworks: list(`172.31.${99 + slot}.0/24`, `${prefix}::/64`),
    podNetworks: list(`10.${200 + slot}.0.0/16`, `${prefix}:1000::/52`),
    // Within the nodes only: all clusters can use the same Service addresses.
    serviceNetworks: list('10.96.0.0/16', 'fd6e:6563:ffff::/112'),
    apiServiceAddress: list('10.96.0.1', 'fd6e:6563:ffff::1')[0]!,
    dnsServiceAddresses: list('10.96.0.10', 'fd6e:6563:ffff::10'),
    netnsPrefix: `nec${slot}-`,
    switchNetns: `nec${slot}-switch`,
  };
}

/** Names and addresses of the node with that number, from 1. */
export function nodeAddresses({ slot, ipFamily }: Pick<Addresses, 'slot' | 'ipFamily'>, number: number): NodeAddresses {
  if (number < 1 || number > maximumNodes)
    throw new RangeError(`a cluster has nodes 1 to ${maximumNodes}, not ${number}`);
  const list = listsOf[ipFamily];
  const name = `node-${number}`;
  const netnsName = `nec${slot}-${name}`;
  const prefix = uniqueLocalPrefix(slot);
  return {
    name,
    zone: zones[(number - 1) % zones.length]!,
    netnsName,
    netns: netnsFile(netnsName),
    // In decimal digits, though IPv6 takes them for hexadecimal ones: so both addresses of a node end alike.
    addresses: list(`172.31.${99 + slot}.${10 + number}`, `${prefix}::${10 + number}`),
    podCidrs: list(`10.${200 + slot}.${number}.0/24`, `${prefix}:${1000 + number}::/64`),
    switchPort: `port${number}`,
  };
}

const listsOf: Record<IpFamily, (ipv4: string, ipv6: string) => string[]> = {
  ipv4: (ipv4) => [ipv4],
  ipv6: (_, ipv6) => [ipv6],
  dual: (ipv4, ipv6) => [ipv4, ipv6],
};

/** The first 48 bits of a slot's IPv6 addresses: unique local ones (RFC 4193), "nec" in ASCII and the slot, from 1. */
function uniqueLocalPrefix(slot: number): string {
  return `fd6e:6563:${(slot + 1).toString(16)}`;
}
