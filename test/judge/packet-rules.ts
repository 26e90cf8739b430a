import { isIPv6 } from 'node:net';
import type { ClusterNode } from '../cluster/cluster.ts';
import { addressMatch } from '../cluster/network-policy.ts';

/** A node with the networks whose packets rules match. */
export type NodeNetworks = Pick<ClusterNode, 'addresses' | 'podCidrs'>;

/**
 * Rules of nftables that match packets from one list of addresses and networks to another, one for each family that
 * both have.
 * @param rest of the rule: further matches and the verdict
 */
export function packetRules(from: readonly string[], to: readonly string[], rest: string): string[] {
  return [false, true].flatMap((v6) => {
    const [sources, destinations] = [from, to].map((list) => list.filter((network) => isV6(network) === v6));
    if (sources!.length === 0 || destinations!.length === 0) return [];
    const family = v6 ? 'ip6' : 'ip';
    return [`${family} saddr ${setOf(sources!)} ${family} daddr ${setOf(destinations!)} ${rest}`];
  });
}

/** Drops connections that others open to pods of a node. */
export function deafRules(node: NodeNetworks, others: readonly NodeNetworks[]): string[] {
  return packetRules(allOf(others), node.podCidrs, 'ct direction original drop');
}

/** Drops connections that pods of a node open to others. @param reached addresses that they reach all the same */
export function muteRules(node: NodeNetworks, others: readonly NodeNetworks[], reached: readonly string[]): string[] {
  return [
    ...packetRules(node.podCidrs, reached, 'accept'),
    ...packetRules(node.podCidrs, allOf(others), 'ct direction original drop'),
  ];
}

/** Drops everything between pods of a node and others. */
export function cutOffRules(node: NodeNetworks, others: readonly NodeNetworks[]): string[] {
  return bothWays(node.podCidrs, allOf(others), 'drop');
}

/** Drops a share of the packets between pods of a node and others. @param percent of the packets of each way */
export function lossRules(node: NodeNetworks, others: readonly NodeNetworks[], percent: number): string[] {
  return bothWays(node.podCidrs, allOf(others), someOf(percent));
}

/** Drops all packets from pods of one node to pods of another, whoever has opened the connection. */
export function cutLinkRules(from: NodeNetworks, to: NodeNetworks): string[] {
  return packetRules(from.podCidrs, to.podCidrs, 'drop');
}

/** Drops packets between pods of two lists of nodes. @param percent of the packets of each way; 100 drops all */
export function cutZonePairRules(a: readonly NodeNetworks[], b: readonly NodeNetworks[], percent: number): string[] {
  return bothWays(podsOf(a), podsOf(b), percent === 100 ? 'drop' : someOf(percent));
}

/** Drops DNS queries to a pod. */
export function dropQueriesRules(pod: readonly string[]): string[] {
  return pod.map((address) => `${addressMatch('daddr', address)} meta l4proto { tcp, udp } th dport 53 drop`);
}

/** Drops what is still for a ClusterIP after kube-proxy's rules. */
export function dropServicesRules(serviceNetworks: readonly string[]): string[] {
  return serviceNetworks.map((network) => `${addressMatch('daddr', network)} drop`);
}

/**
 * A script for nft(8) with a table of rules about what is forwarded, after kube-proxy has replaced a ClusterIP by the
 * address of a pod.
 */
export function forwardTable(table: string, rules: readonly string[]): string {
  return tableOf(table, 'forward', 'type filter hook forward priority -200;', rules);
}

/**
 * A script for nft(8) with a chain that translates nothing. As long as there is any such chain, the kernel goes on
 * translating the addresses of connections that are established; most CNIs have one.
 */
export function translationTable(table: string): string {
  return tableOf(table, 'postrouting', 'type nat hook postrouting priority srcnat;', []);
}

/** A script for nft(8) that redirects the DNS queries that come into a network namespace to another port of it. */
export function redirectTable(table: string, port: number): string {
  const rule = `iifname != "lo" meta l4proto { tcp, udp } th dport 53 redirect to :${port}`;
  return tableOf(table, 'prerouting', 'type nat hook prerouting priority dstnat;', [rule]);
}

function tableOf(table: string, chain: string, hook: string, rules: readonly string[]): string {
  const lines = [`add table inet ${table}`, `add chain inet ${table} ${chain} { ${hook} }`];
  return `${[...lines, ...rules.map((rule) => `add rule inet ${table} ${chain} ${rule}`)].join('\n')}\n`;
}

function bothWays(a: readonly string[], b: readonly string[], rest: string): string[] {
  return [...packetRules(a, b, rest), ...packetRules(b, a, rest)];
}

function podsOf(nodes: readonly NodeNetworks[]): string[] {
  return nodes.flatMap(({ podCidrs }) => podCidrs);
}

function allOf(nodes: readonly NodeNetworks[]): string[] {
  return nodes.flatMap(({ addresses, podCidrs }) => [...podCidrs, ...addresses]);
}

function someOf(percent: number): string {
  return `numgen random mod 100 < ${percent} drop`;
}

function setOf(networks: readonly string[]): string {
  return `{ ${networks.join(', ')} }`;
}

function isV6(network: string): boolean {
  return isIPv6(network.split('/')[0]!);
}
