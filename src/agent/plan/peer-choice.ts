import { isIP, SocketAddress } from 'node:net';
import { hash32 } from '../../base/hash.ts';

/**
 * Chooses the peers of this agent by rendezvous hashing (Thaler and Ravishankar, 1998): the `count` addresses with the
 * highest hash of (chooser, address). Adding or removing an address changes at most one peer, and all agents are chosen
 * about equally often.
 * @param own addresses of the agent itself
 * @returns at most `count` addresses in canonical form, each once, in a stable order
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

/** Canonical text form (RFC 5952), so addresses from the kubelet and from DNS compare equal. */
function canonical(address: string): string {
  return isIP(address) === 6 ? new SocketAddress({ address, family: 'ipv6' }).address : address;
}
