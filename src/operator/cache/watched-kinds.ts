import { agentSelector, instanceLabel, managedByLabel, managerName } from '../../contract/agent-names.ts';
import { apiUses } from '../../contract/api-uses.ts';
import { group, kind } from '../../crd/net-exporter.ts';
import { controllerOf, type ObjectMeta } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';

export const netExporters: Resource = apiUses.netExporters;
export const pods: Resource = apiUses.pods;

/** The kinds of a NetExporter's children that every cluster has. */
export const childKinds: Resource[] = [
  apiUses.serviceAccounts,
  apiUses.services,
  apiUses.configMaps,
  apiUses.networkPolicies,
  apiUses.daemonSets,
];

/** Kinds of the Prometheus operator, each a child if its API is served: what is scraped, and the rules and alerts. */
export const podMonitors: Resource = apiUses.podMonitors;
export const prometheusRules: Resource = apiUses.prometheusRules;

/** Limits what is watched to what we made, children and agents' pods alike. */
export const oursSelector = `${managedByLabel}=${managerName}`;

/** Selects agents' pods, and no other pods with the operator's name as manager. */
export const agentPodSelector = `${oursSelector},app.kubernetes.io/name=${agentSelector('')['app.kubernetes.io/name']}`;

/**
 * The keys of the NetExporters that an object concerns: its controller's, and, in case someone took that away, that of
 * the instance its label names.
 */
export function ownerKeys({ metadata }: { metadata: ObjectMeta }): string[] {
  const controller = controllerOf({ metadata });
  const byOwner =
    controller?.kind === kind && controller.apiVersion.startsWith(`${group}/`) ? controller.name : undefined;
  const names = new Set([byOwner, metadata.labels?.[instanceLabel]].filter((name) => name !== undefined));
  return [...names].map((name) => `${metadata.namespace ?? ''}/${name}`);
}
