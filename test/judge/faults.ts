import { absentName, droppedDns, failingDns, frozenDns, slowDns } from './dns-faults.ts';
import type { JudgedFault } from './fault-site.ts';
import { cutOffNode, deafNode, lossyNode, muteNode } from './node-faults.ts';
import { cutLink, cutZonePair, lossyZonePair, lostProxyTable, lostService } from './path-faults.ts';

/** All kinds of faults. */
export const judgedFaults: readonly JudgedFault[] = [
  ...[deafNode, muteNode, cutOffNode, lossyNode],
  ...[cutLink, cutZonePair, lossyZonePair, lostService, lostProxyTable],
  ...[frozenDns, droppedDns, failingDns, slowDns, absentName],
];
