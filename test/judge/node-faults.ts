import type { SuspectReason } from '../../src/contract/suspects.ts';
import type { ClusterNode } from '../cluster/cluster.ts';
import { type FaultSite, type JudgedFault, nodesWithoutLeader, operatorAddresses, othersThan } from './fault-site.ts';
import { cutOffRules, deafRules, lossRules, muteRules } from './packet-rules.ts';
import { applyRules } from './rule-tables.ts';

const verdictSeconds = 45;

/** A fault of the pods' network on one node. */
function onNode(
  name: string,
  reasons: readonly SuspectReason[],
  rulesOf: (site: FaultSite, node: ClusterNode, others: ClusterNode[]) => Promise<string[]> | string[],
): JudgedFault {
  return {
    name,
    verdictSeconds,
    inject: async (site, undo) => {
      const [node] = site.choose(await nodesWithoutLeader(site), 1);
      await applyRules(site, undo, node!.name, await rulesOf(site, node!, othersThan(site, node!)));
      return { key: `Node ${node!.name}`, reasons };
    },
  };
}

/** No connection of others reaches the node. */
export const deafNode = onNode('node_deaf', ['Inbound'], (_, node, others) => deafRules(node, others));

/** No connection of the node reaches others, but its agent reaches the operator. */
export const muteNode = onNode('node_mute', ['Outbound'], async (site, node, others) =>
  muteRules(node, others, await operatorAddresses(site)),
);

/** Nothing passes between the node and others, so that its agent is silent. */
export const cutOffNode = onNode('node_cut_off', ['Unreachable', 'Inbound'], (_, node, others) =>
  cutOffRules(node, others),
);

/** Of the packets to and from the node 30 % are lost. */
export const lossyNode = onNode('node_loss_30', ['Loss'], (_, node, others) => lossRules(node, others, 30));
