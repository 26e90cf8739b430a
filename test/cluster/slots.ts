import { BlockList, isIP } from 'node:net';
import { addressesOf, type IpFamily, slots } from './addresses.ts';

/** All slots are taken, by clusters or by other networks of the machine. */
export class NoFreeSlotError extends Error {
  readonly code = 'NO_FREE_SLOT';

  constructor() {
    super(
      `no free slot for a cluster: all ${slots} are taken by running clusters or overlap with networks of this machine ` +
        '(172.31.99.0/24 and 10.200.0.0/16 upwards, fd6e:6563::/32 for IPv6); see `npm run cluster -- status`',
    );
    this.name = 'NoFreeSlotError';
  }
}

/** What decides which slots are free. */
export interface SlotFacts {
  /** Decides which of the slot's networks the cluster needs. */
  ipFamily: IpFamily;
  /** Slots in the state files of other clusters. */
  taken: readonly number[];
  /** Destinations of the machine's routes and addresses of its interfaces, as prefixes or single addresses. */
  prefixes: readonly string[];
  /** Names of interfaces and network namespaces. */
  names: readonly string[];
}

/**
 * The lowest slot whose names and networks nobody uses.
 * @throws {NoFreeSlotError}
 */
export function chooseSlot({ ipFamily, taken, prefixes, names }: SlotFacts): number {
  for (let slot = 0; slot < slots; slot++) {
    const { hostInterface, netnsPrefix, nodeNetworks, podNetworks } = addressesOf(slot, ipFamily);
    const networks = [...nodeNetworks, ...podNetworks];
    const nameUsed = names.some((name) => name === hostInterface || name.startsWith(netnsPrefix));
    const networkUsed = prefixes.some((prefix) => networks.some((network) => overlap(prefix, network)));
    if (!taken.includes(slot) && !nameUsed && !networkUsed) return slot;
  }
  throw new NoFreeSlotError();
}

/**
 * Whether two prefixes of a family share an address. The default route overlaps with everything and so says nothing.
 */
export function overlap(a: string, b: string): boolean {
  const [one, other] = [parsePrefix(a), parsePrefix(b)];
  if (one === undefined || other === undefined || one.family !== other.family) return false;
  const length = Math.min(one.length, other.length);
  if (length === 0) return false;
  const shorter = new BlockList();
  shorter.addSubnet(one.address, length, one.family);
  return shorter.check(other.address, one.family);
}

function parsePrefix(text: string): { address: string; length: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [address = '', length] = text.split('/');
  const version = isIP(address);
  if (version === 0) return undefined;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  return { address, length: Number(length ?? (version === 4 ? 32 : 128)), family };
}
