import type { SuspectKind } from './suspects.ts';

/** What to do first about a suspect of each kind. docs/judgement.md has the details under the kind's heading. */
export const suspectRemedies: Record<SuspectKind, string> = {
  Node: 'Check the network interface, firewall rules and CNI agent of the node, and drain it if that does not help.',
  Link: 'Check the routes, tunnels and firewall rules between both ends.',
  ServicePath: 'Check kube-proxy, or what replaces it, on the node.',
  ZonePair: 'Check routes, peering and firewall rules between the two zones.',
  Zone: "Check the zone's network, and the status page of the provider.",
  DNSServer: 'Check the server: its logs, CPU limit and upstream servers. A pod that hangs can be deleted.',
  Host: 'Check that the name exists, and the servers to which the DNS servers forward its queries.',
};
