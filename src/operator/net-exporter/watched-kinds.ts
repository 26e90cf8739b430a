import { agentSelector, instanceLabel, managedByLabel, managerName } from '../../../charts/agent-names.ts';
import { group, kind, plural, version } from '../../crd/net-exporter.ts';
import { controllerOf, type ObjectMeta } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';

export const netExporters: Resource = { group, version, kind, plural };
export const pods: Resource = { group: '', version: 'v1', kind: 'Pod', plural: 'pods' };

/** The kinds of a NetExporter's children. */
export const childKinds: Resource[] = [
  { group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts' },
  { group: '', version: 'v1', kind: 'Service', plural: 'services' },
  { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' },
  { group: 'networking.k8s.io', version: 'v1', kind: 'NetworkPolicy', plural: 'networkpolicies' },
  { group: 'apps', version: 'v1', kind: 'DaemonSet', plural: 'daemonsets' },
];

/** Limits what is watched to what we made, children and agents' pods alike. */
export const oursSelector = `${managedByLabel}=${managerName}`;

/** Limits the watched pods to agents, whoever else should use our name as manager. */
export const agentPodSelector = `${oursSelector},app.kubernetes.io/name=${agentSelector('')['app.kubernetes.io/name']}`;

/**
 * The keys of the NetExporters that an object concerns: its controller's, and, in case someone took that away, that of the
 * instance its label names.
 */
export function ownerKeys({ metadata }: { metadata: ObjectMeta }): string[] {
  const controller = controllerOf({ metadata });
  const byOwner =
    controller?.kind === kind && controller.apiVersion.startsWith(`${group}/`) ? controller.name : undefined;
  const names = new Set([byOwner, metadata.labels?.[instanceLabel]].filter((name) => name !== undefined));
  return [...names].map((name) => `${metadata.namespace ?? ''}/${name}`);
}
