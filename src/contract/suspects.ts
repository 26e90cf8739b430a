/**
 * What can be at fault. docs/judgement.md says which probes each kind explains.
 * - `Node`: a node's network, in both directions or one
 * - `Link`: from one node to another, or to one DNS server
 * - `ServicePath`: from one node to ClusterIPs, while the pods behind them answer: kube-proxy on that node
 * - `ZonePair`: between two zones; `Zone`: everything that crosses the border of a zone
 * - `DNSServer`: one DNS server for all nodes; `Host`: one name at all servers
 */
export const suspectKinds = ['Node', 'Link', 'ServicePath', 'ZonePair', 'Zone', 'DNSServer', 'Host'] as const;

export type SuspectKind = (typeof suspectKinds)[number];

/**
 * What is wrong with a suspect.
 * - `Unreachable`: nearly all probes fail
 * - `Inbound`, `Outbound`: nearly all probes fail that others open to the node, or that the node opens
 * - `Loss`: some probes fail or need a retransmit
 * - `Slow`: probes succeed above the latency threshold
 * - `Refused`: connections are refused
 * - `Errors`: a DNS server answers with errors, or a name has no valid answer
 * - `Rebooted`: the node has started again since the fault began
 */
export const suspectReasons = [
  'Unreachable',
  'Inbound',
  'Outbound',
  'Loss',
  'Slow',
  'Refused',
  'Errors',
  'Rebooted',
] as const;

export type SuspectReason = (typeof suspectReasons)[number];

/** States of a link within the window. `unreported`: planned, but without results of an agent that counts. */
export const linkStates = ['ok', 'slow', 'failing', 'unreported'] as const;

export type LinkState = (typeof linkStates)[number];

export { maxSuspectName } from '../crd/status.ts';
