import { keyOfName } from '../../src/operator/judge/subjects.ts';
import { addressesOf } from '../cluster/addresses.ts';
import type { Cleanups } from '../cluster/cleanups.ts';
import { getJson } from '../e2e/agents.ts';
import { type FaultSite, type JudgedFault, nodesWithoutLeader, zonesWithoutLeader } from './fault-site.ts';
import { cutLinkRules, cutZonePairRules, dropServicesRules } from './packet-rules.ts';
import { applyRules, keepTranslating } from './rule-tables.ts';

const linkSeconds = 60;
const serviceSeconds = 45;

/** All packets from one node's pods to another's are lost. */
export const cutLink: JudgedFault = {
  name: 'link_cut',
  verdictSeconds: linkSeconds,
  inject: async (site, undo) => {
    const [from, to] = site.choose(await nodesWithoutLeader(site), 2);
    await applyRules(site, undo, from!.name, cutLinkRules(from!, to!));
    return { key: keyOfName('Link', `${from!.name}<>${to!.name}`), reasons: ['Unreachable'] };
  },
};

/** Packets between two zones are lost. */
function zonePair(name: string, percent: number, reasons: readonly ('Unreachable' | 'Loss')[]): JudgedFault {
  return {
    name,
    verdictSeconds: linkSeconds,
    inject: async (site, undo) => {
      const [a, b] = site.choose(await zonesWithoutLeader(site), 2);
      for (const { name: node } of a!) await applyRules(site, undo, node, cutZonePairRules(a!, b!, percent));
      return { key: keyOfName('ZonePair', `${a![0]!.zone}<>${b![0]!.zone}`), reasons };
    },
  };
}

export const cutZonePair = zonePair('zone_pair_cut', 100, ['Unreachable']);
export const lossyZonePair = zonePair('zone_pair_30', 30, ['Loss']);

/** kube-proxy of a node stops, and rules are lost. */
function brokenProxy(
  name: string,
  loseRules: (site: FaultSite, undo: Cleanups, node: string) => Promise<unknown>,
): JudgedFault {
  return {
    name,
    verdictSeconds: serviceSeconds,
    inject: async (site, undo) => {
      const { cluster } = site;
      const [node] = site.choose(await nodesWithoutLeader(site), 1);
      undo.add(`kube-proxy of ${node!.name}`, () => cluster.startProxy(node!.name));
      await cluster.stopProxy(node!.name);
      await loseRules(site, undo, node!.name);
      return { key: keyOfName('ServicePath', `${node!.name}>`), reasons: ['Unreachable', 'Refused'] };
    },
  };
}

/** A node has no rules for the agents' Service. */
export const lostService = brokenProxy('service_path_agents', async (site, _undo, node) => {
  const { cluster, kubectl, namespace, name } = site;
  const { spec } = await getJson<{ spec: { clusterIPs: string[]; ports: { port: number }[] } }>(kubectl, [
    ...['service', '-n', namespace, `${name}-agent`],
  ]);
  const script = serviceElements(spec.clusterIPs, spec.ports[0]!.port).join('');
  await cluster.exec(node, ['nft', '-f', '-'], { input: script });
});

/** A node has no rules for Services at all. Established connections go on, that of its agent to the operator too. */
export const lostProxyTable = brokenProxy('service_path_all', async (site, undo, node) => {
  // Otherwise packets to ClusterIPs would leave the cluster by the default route.
  await applyRules(site, undo, node, dropServicesRules(addressesOf(0, 'dual').serviceNetworks));
  await keepTranslating(site, undo, node);
  const { addresses } = site.cluster.nodes[0]!;
  const script = familiesOf(addresses).map((family) => `delete table ${family} kube-proxy\n`);
  await site.cluster.exec(node, ['nft', '-f', '-'], { input: script.join('') });
});

/** Commands of nft(8) that take a Service's ClusterIPs out of the map by which kube-proxy finds its rules. */
export function serviceElements(clusterIps: readonly string[], port: number): string[] {
  return clusterIps.map(
    (ip) => `delete element ${familiesOf([ip])[0]} kube-proxy service-ips { ${ip} . tcp . ${port} }\n`,
  );
}

function familiesOf(addresses: readonly string[]): ('ip' | 'ip6')[] {
  return [...new Set(addresses.map((address) => (address.includes(':') ? 'ip6' : 'ip')))];
}
