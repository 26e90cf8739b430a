import { agentContract } from '../../contract/agent-contract.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import type { Settings } from '../../protocol/settings.ts';
import { parseSyncAccess, type SyncAccess } from '../../protocol/sync-access.ts';
import type { PropagationFinding } from '../agents/propagation.ts';
import type { JudgedFleet } from '../judge/judged-fleet.ts';
import type { KubeObject } from '../kube/kube-object.ts';

/** What reconciling a NetExporter has to do with syncing with its agents. */
export interface AgentsSync {
  /** How agents reach the operator; undefined while that is not known, or cannot be made. */
  access(): SyncAccess | undefined;
  /**
   * The ports at which the DNS pods that the spec refers to serve DNS: none if they cannot be determined, undefined
   * while unknown. A change has the NetExporter reconciled.
   */
  dnsPortsOf(resource: NetExporter): number[] | undefined;
  /** Has the agents' targets planned by this spec. */
  plan(resource: NetExporter): void;
  /** Has the agents of the NetExporter of this key use these settings. */
  settle(key: string, settings: Settings): void;
  /** What is known of DNS and the network of the NetExporter of this key; undefined before the first judgement. */
  judgedOf(key: string): JudgedFleet | undefined;
  /** How far the settings and targets of the NetExporter of this key have got. */
  findingOf(key: string): PropagationFinding;
}

/** The sync access in a ConfigMap; undefined if it has none or an invalid one. */
export function syncAccessIn(configMap: KubeObject | undefined): SyncAccess | undefined {
  const { [agentContract.syncAccessKey]: text } = (configMap?.data ?? {}) as Record<string, string>;
  if (text === undefined) return undefined;
  try {
    return parseSyncAccess(text);
  } catch {
    return undefined;
  }
}
