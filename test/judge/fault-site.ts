import type { SuspectReason } from '../../src/contract/suspects.ts';
import type { Cleanups } from '../cluster/cleanups.ts';
import type { Cluster, ClusterNode } from '../cluster/cluster.ts';
import { getJson, type Kubectl } from '../e2e/agents.ts';
import { operatorNamespace } from '../e2e/environment.ts';
import { leaseOf, operatorsOf } from '../e2e/operators.ts';

/** A cluster into which faults are injected, and the NetExporter that is to find them. */
export interface FaultSite {
  cluster: Cluster;
  kubectl: Kubectl;
  namespace: string;
  name: string;
  /** Chooses so many of the items. */
  choose: <T>(items: readonly T[], count: number) => T[];
}

/** The suspect that a fault is to make. */
export interface Expected {
  /** As `keyOfName` of the judge makes it of kind and name. */
  key: string;
  /** Any of them. */
  reasons: readonly SuspectReason[];
}

/** A kind of fault of the network or of DNS. */
export interface JudgedFault {
  name: string;
  /** The suspect is to be found within so many seconds. */
  verdictSeconds: number;
  /**
   * Begins the fault at a place that the site chooses. Adds to `undo` what ends it, also if this fails half way.
   * @returns what is to be found
   */
  inject: (site: FaultSite, undo: Cleanups) => Promise<Expected>;
}

/** A pod of the cluster's DNS. */
export interface DnsPod {
  name: string;
  node: string;
  addresses: string[];
}

export const dnsNamespace = 'kube-system';

/**
 * The nodes without the operator that leads: agents that do not reach it are silent, and nothing can be known of the
 * others.
 */
export async function nodesWithoutLeader(site: FaultSite): Promise<ClusterNode[]> {
  const leader = await nodeOfLeader(site);
  return site.cluster.nodes.filter(({ name }) => name !== leader);
}

/** The zones without the operator that leads, with their nodes. */
export async function zonesWithoutLeader(site: FaultSite): Promise<ClusterNode[][]> {
  const leader = await nodeOfLeader(site);
  const zones = new Map<string, ClusterNode[]>();
  for (const node of site.cluster.nodes) zones.set(node.zone, [...(zones.get(node.zone) ?? []), node]);
  return [...zones.values()].filter((nodes) => nodes.every(({ name }) => name !== leader));
}

export function othersThan(site: FaultSite, node: ClusterNode): ClusterNode[] {
  return site.cluster.nodes.filter((other) => other !== node);
}

/** Addresses of the operators' pods. */
export async function operatorAddresses({ kubectl }: FaultSite): Promise<string[]> {
  return (await operatorsOf({ kubectl })).map(({ ip }) => ip);
}

/** The pods of the cluster's DNS that are ready. */
export async function dnsPodsOf({ kubectl }: FaultSite): Promise<DnsPod[]> {
  const { items } = await getJson<{
    items: {
      metadata: { name: string; deletionTimestamp?: string };
      spec: { nodeName: string };
      status: { podIPs?: { ip: string }[]; conditions?: { type: string; status: string }[] };
    }[];
  }>(kubectl, ['pods', '-n', dnsNamespace, '-l', 'k8s-app=kube-dns']);
  return items
    .filter(({ metadata, status }) => {
      const isReady = status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
      return isReady && metadata.deletionTimestamp === undefined;
    })
    .map(({ metadata, spec, status }) => ({
      name: metadata.name,
      node: spec.nodeName,
      addresses: (status.podIPs ?? []).map(({ ip }) => ip),
    }));
}

async function nodeOfLeader({ kubectl }: FaultSite): Promise<string> {
  const { pod } = await leaseOf({ kubectl });
  const { spec } = await getJson<{ spec: { nodeName: string } }>(kubectl, ['pod', '-n', operatorNamespace, pod]);
  return spec.nodeName;
}
