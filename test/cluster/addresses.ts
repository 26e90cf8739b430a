import { netnsFile } from './netns.ts';

/**
 * Every address and name on the machine that a cluster uses, all derived from its slot number, so that two clusters
 * with different slots share none and a crashed one's leftovers can be found by their names. Every list of addresses or
 * networks has the IPv4 one first and, in a dual-stack cluster, the IPv6 one second.
 */
export interface Addresses {
  slot: number;
  dualStack: boolean;
  /** The interface of the machine in the nodes' network; the control plane listens on its IPv4 address only. */
  hostInterface: string;
  hostAddress: string;
  hostAddresses: string[];
  nodeNetworks: string[];
  podNetworks: string[];
  serviceNetworks: string[];
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

/** Within the nodes only: all clusters can use the same Service addresses. */
export const apiServiceAddress = '10.96.0.1';
/** What pods have in their resolv.conf, also in a dual-stack cluster: one address, as kubeadm sets it up. */
export const dnsServiceAddress = '10.96.0.10';
export const clusterDomain = 'cluster.local';

export const slots = 16;
export const maximumNodes = 200;
const zones = ['a', 'b', 'c'];

export function addressesOf(slot: number, dualStack = false): Addresses {
  const list = dualStack ? bothFamilies : onlyIpv4;
  const hostAddress = `172.31.${99 + slot}.1`;
  const prefix = uniqueLocalPrefix(slot);
  return {
    slot,
    dualStack,
    hostInterface: `nec${slot}`,
    hostAddress,
    hostAddresses: list(hostAddress, `${prefix}::1`),
    nodeNetworks: list(`172.31.${99 + slot}.0/24`, `${prefix}::/64`),
    podNetworks: list(`10.${200 + slot}.0.0/16`, `${prefix}:1000::/52`),
    serviceNetworks: list('10.96.0.0/16', 'fd6e:6563:ffff::/112'),
    dnsServiceAddresses: list(dnsServiceAddress, 'fd6e:6563:ffff::10'),
    netnsPrefix: `nec${slot}-`,
    switchNetns: `nec${slot}-switch`,
  };
}

/** Names and addresses of the node with that number, from 1. */
export function nodeAddresses(
  { slot, dualStack }: Pick<Addresses, 'slot' | 'dualStack'>,
  number: number,
): NodeAddresses {
  if (number < 1 || number > maximumNodes)
    throw new RangeError(`a cluster has nodes 1 to ${maximumNodes}, not ${number}`);
  const list = dualStack ? bothFamilies : onlyIpv4;
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

const onlyIpv4 = (ipv4: string) => [ipv4];
const bothFamilies = (ipv4: string, ipv6: string) => [ipv4, ipv6];

/** The first 48 bits of a slot's IPv6 addresses: unique local ones (RFC 4193), "nec" in ASCII and the slot, from 1. */
function uniqueLocalPrefix(slot: number): string {
  return `fd6e:6563:${(slot + 1).toString(16)}`;
}
