import { existsSync, writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { type Addresses, type IpFamily, type NodeAddresses, nodeAddresses } from './addresses.ts';
import { Cleanups } from './cleanups.ts';
import { ClusterError } from './cluster-error.ts';
import { run } from './command.ts';
import { createNetns, inNetns, netnsFile, netnsNames, removeNetns } from './netns.ts';

const bridge = 'nodes';

/**
 * @throws {ClusterError} where the kernel has no IPv6 at all; where it is only switched off, nodes switch it on for
 *   themselves.
 */
export function requireIpv6(): void {
  if (existsSync('/proc/sys/net/ipv6/conf')) return;
  throw new ClusterError('NO_IPV6', 'This kernel has no IPv6 (see its parameter ipv6.disable): use IPv4 only.');
}

/**
 * Makes the nodes' switch and the machine's port on it. The bridge has a network namespace of its own: in the machine's
 * it would be subject to the machine's packet filter (with br_netfilter, Docker's "forward nothing").
 */
export async function createSwitch({ switchNetns, hostInterface, hostAddresses, ipFamily }: Addresses): Promise<void> {
  await createNetns(switchNetns);
  await ip(switchNetns, [`link add ${bridge} type bridge`, `link set ${bridge} up`]);
  await ip(undefined, [`link add ${hostInterface} type veth peer name machine netns ${netnsFile(switchNetns)}`]);
  // Some machines have it off for new interfaces.
  if (ipFamily !== 'ipv4') writeFileSync(`/proc/sys/net/ipv6/conf/${hostInterface}/disable_ipv6`, '0');
  await ip(undefined, [
    ...hostAddresses.map((address) => addAddress(address, hostInterface)),
    `link set ${hostInterface} up`,
  ]);
  await ip(switchNetns, [`link set machine master ${bridge}`, 'link set machine up']);
}

/** Makes a node's network namespace and plugs it in; `others` are the numbers of the nodes that are there already. */
export async function connectNode(addresses: Addresses, number: number, others: readonly number[]): Promise<void> {
  const node = nodeAddresses(addresses, number);
  const peers = others.map((other) => nodeAddresses(addresses, other));
  await createNetns(node.netnsName);
  await run(inNetns(node.netnsName, ['sh', '-ec', routers[addresses.ipFamily]]));
  await ip(addresses.switchNetns, [
    `link add ${node.switchPort} type veth peer name eth0 netns ${node.netns}`,
    `link set ${node.switchPort} master ${bridge}`,
    `link set ${node.switchPort} up`,
  ]);
  await ip(node.netnsName, [
    'link set lo up',
    ...node.addresses.map((address) => addAddress(address, 'eth0')),
    'link set eth0 up',
    ...addresses.hostAddresses.map((address) => `route add default via ${address}`),
    ...peers.flatMap((peer) => routes('add', peer)),
  ]);
  await ip(undefined, routes('add', node));
  for (const peer of peers) await ip(peer.netnsName, routes('add', node));
}

/** Pulls a node's cable, as if the machine were off: it answers nothing, not even that it has no such pod. */
export async function unplugNode(addresses: Addresses, number: number): Promise<void> {
  await ip(addresses.switchNetns, [`link set ${nodeAddresses(addresses, number).switchPort} down`]);
}

/** Unplugs a node and removes its network namespace and the routes to it. */
export async function disconnectNode(addresses: Addresses, number: number, others: readonly number[]): Promise<void> {
  const node = nodeAddresses(addresses, number);
  const peers = others.map((other) => nodeAddresses(addresses, other));
  for (const netns of [undefined, ...peers.map((peer) => peer.netnsName)]) {
    await ip(netns, routes('del', node));
  }
  await ip(addresses.switchNetns, [`link del ${node.switchPort}`]);
  removeNetns(node.netnsName);
}

/** Removes every network namespace and interface of a slot; with them go their routes. */
export async function removeNetwork({ hostInterface, netnsPrefix }: Addresses): Promise<void> {
  const cleanups = new Cleanups();
  for (const name of netnsNames().filter((name) => name.startsWith(netnsPrefix)))
    cleanups.add(`network namespace ${name}`, () => removeNetns(name));
  cleanups.add(`network interface ${hostInterface}`, async () => {
    if (existsSync(`/sys/class/net/${hostInterface}`)) await run(['ip', 'link', 'del', hostInterface]);
  });
  await cleanups.run();
}

/** Prefixes and names that are in use on this machine, for the choice of a slot. */
export async function networksInUse(): Promise<{ prefixes: string[]; names: string[] }> {
  // Of all tables, so of both families.
  const routes = JSON.parse(await run(['ip', '-j', 'route', 'show', 'table', 'all'])) as { dst: string }[];
  const links = JSON.parse(await run(['ip', '-j', 'link'])) as { ifname: string }[];
  return {
    prefixes: routes.map((route) => route.dst),
    names: [...links.map((link) => link.ifname), ...netnsNames()],
  };
}

/** The commands for the routes to a node's pods, of each family by its own. */
function routes(action: 'add' | 'del', { podCidrs, addresses }: NodeAddresses): string[] {
  return podCidrs.map((cidr, index) => `route ${action} ${cidr} via ${addresses[index]}`);
}

function addAddress(address: string, device: string): string {
  // Without the search for duplicates an address is usable at once; it would take up to two seconds.
  return `address add ${address}${isIPv6(address) ? '/64' : '/24'} dev ${device}${isIPv6(address) ? ' nodad' : ''}`;
}

const ipv4Router = 'echo 1 >/proc/sys/net/ipv4/ip_forward';

const ipv6Router = `cd /proc/sys/net/ipv6/conf
echo 0 >all/disable_ipv6
echo 1 >all/forwarding
# The node's ends of the pods' links: their addresses, too, are to be usable at once.
echo 0 >default/accept_dad`;

/** Shell text for a node's network namespace, before it has an interface: what it has to forward for its pods. */
const routers: Record<IpFamily, string> = {
  ipv4: ipv4Router,
  ipv6: ipv6Router,
  dual: `${ipv4Router}\n${ipv6Router}`,
};

async function ip(netns: string | undefined, commands: string[]): Promise<void> {
  const batch = ['ip', '-batch', '-'];
  await run(netns === undefined ? batch : inNetns(netns, batch), { input: `${commands.join('\n')}\n` });
}
