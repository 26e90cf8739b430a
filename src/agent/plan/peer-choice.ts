import { isIP, SocketAddress } from 'node:net';
import { hash32 } from '../../base/hash.ts';

/**
 * Chooses which of the agents' addresses this one probes: the `count` with the highest hash of (chooser, address), called rendezvous hashing
 * (Thaler and Ravishankar, 1998). An address that comes or goes moves at most one place of the choice, and every agent is chosen by about as many.
 * @param own addresses that are the agent itself
 * @returns at most `count` addresses, each once and in its canonical form, in a stable order
 */
export function choosePeers(
  addresses: readonly string[],
  own: readonly string[],
  chooser: string,
  count: number,
): string[] {
  const mine = new Set(own.map(canonical));
  const others = new Set(addresses.map(canonical).filter((address) => !mine.has(address)));
  return [...others]
    .map((address) => ({ address, weight: hash32(`${chooser} ${address}`) }))
    .sort((a, b) => b.weight - a.weight || (a.address < b.address ? -1 : 1))
    .slice(0, count)
    .map(({ address }) => address);
}

/** One way of writing an address (RFC 5952), so that the kubelet's and the DNS server's compare equal. */
function canonical(address: string): string {
  return isIP(address) === 6 ? new SocketAddress({ address, family: 'ipv6' }).address : address;
}
