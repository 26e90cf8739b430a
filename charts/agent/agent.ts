import { App, Chart } from 'cdk8s';
import type { k8s } from 'cdk8s-plus-27';
import { agentContract } from '../../src/contract/agent-contract.ts';
import { agentLabels, agentNames } from '../../src/contract/agent-names.ts';
import { type ApiUse, apiUses } from '../../src/contract/api-uses.ts';
import type { NetExporter } from '../../src/crd/net-exporter.ts';
import { encodeSettings, type Settings } from '../../src/protocol/settings.ts';
import { encodeSyncAccess, type SyncAccess } from '../../src/protocol/sync-access.ts';
import { addPodMonitor } from '../monitoring/agent-pod-monitor.ts';
import { addPrometheusRule } from '../monitoring/agent-prometheus-rule.ts';
import { addDaemonSet } from './agent-daemon-set.ts';
import { addNetworkPolicy } from './agent-network-policy.ts';
import { addConfigMap, addServiceAccount, addServices, isServiceDialled } from './agent-objects.ts';

/** A Kubernetes object as it is sent to the API server. */
export interface ManifestObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string } & Record<string, unknown>;
  [field: string]: unknown;
}

export interface AgentRuntime {
  /** The agents' image, already resolved where the spec leaves it empty. */
  image: string;
  settings: Settings;
  /** How agents reach the operator; left out where they do not. */
  syncAccess?: SyncAccess | undefined;
  /** The resolvers that pods have; left out where they are not known. */
  nameservers?: readonly string[] | undefined;
  /** Whether a PodMonitor configures scrapes of the agents; otherwise annotations do. */
  podMonitor: boolean;
  /** Whether the cluster serves PrometheusRules. */
  prometheusRule?: boolean | undefined;
  /** Ports on which agents of an earlier template still listen. */
  formerPorts?: readonly number[] | undefined;
  /** Ports at which the DNS pods that the spec refers to serve DNS; left out where they are not known. */
  dnsPorts?: readonly number[] | undefined;
}

/** Every object that a NetExporter stands for, in the order in which to apply them. */
export function agentObjects(resource: NetExporter, runtime: AgentRuntime): ManifestObject[] {
  return [
    ...(runtime.podMonitor ? agentMonitor(resource) : []),
    ...agentNetwork(resource, runtime),
    ...agentWorkload(resource, runtime),
    ...(runtime.prometheusRule ? agentRules(resource) : []),
  ];
}

/** What asks the Prometheus operator to scrape the agents; only for clusters that have its API. */
export function agentMonitor(resource: NetExporter): ManifestObject[] {
  if (resource.spec.monitoring.podMonitor !== 'Auto') return [];
  return synthesize(resource, (chart) => addPodMonitor(chart, resource));
}

/** What gives the Prometheus Operator the rules and alerts; only for clusters that have its API. */
export function agentRules(resource: NetExporter): ManifestObject[] {
  if (resource.spec.monitoring.prometheusRule !== 'Auto') return [];
  return synthesize(resource, (chart) => addPrometheusRule(chart, resource));
}

/** The objects that need no settings. The settings need the Services' addresses, so these come first. */
export function agentNetwork(
  resource: NetExporter,
  {
    podMonitor,
    nameservers = [],
    syncAccess,
    formerPorts = [],
    dnsPorts = [],
  }: Omit<AgentRuntime, 'image' | 'settings' | 'prometheusRule'>,
): ManifestObject[] {
  return synthesize(resource, (chart) => {
    addServiceAccount(chart, resource);
    addServices(chart, resource, { annotated: !podMonitor });
    const operator = syncAccess?.addresses ?? [];
    if (resource.spec.monitoring.networkPolicy !== 'None')
      addNetworkPolicy(chart, resource, { nameservers, operator, formerPorts, dnsPorts });
  });
}

/** The settings, the way to the operator, and the pods that read them. */
export function agentWorkload(
  resource: NetExporter,
  {
    image,
    settings,
    syncAccess,
  }: Omit<AgentRuntime, 'podMonitor' | 'prometheusRule' | 'nameservers' | 'formerPorts' | 'dnsPorts'>,
): ManifestObject[] {
  return synthesize(resource, (chart) => {
    addConfigMap(chart, resource, {
      [agentContract.settingsKey]: encodeSettings(settings),
      ...(syncAccess && { [agentContract.syncAccessKey]: encodeSyncAccess(syncAccess) }),
    });
    addDaemonSet(chart, resource, image);
  });
}

/**
 * The objects of its own that the pods of a DaemonSet use by name, as `Kind name`. Someone else's object of that name
 * may carry an identity or files that are not meant for the agents.
 */
export function podReferences({ kind, spec }: ManifestObject): string[] {
  if (kind !== apiUses.daemonSets.kind) return [];
  const { serviceAccountName, volumes = [] } = (spec as { template: { spec: k8s.PodSpec } }).template.spec;
  return [
    `${apiUses.serviceAccounts.kind} ${serviceAccountName}`,
    ...volumes.flatMap(({ configMap }) => (configMap ? [`${apiUses.configMaps.kind} ${configMap.name}`] : [])),
  ];
}

/** The objects that a NetExporter may have had under another spec and must not have under this one. */
export function agentLeftovers(resource: NetExporter): { apiVersion: string; kind: string; name: string }[] {
  const { networkPolicy, podMonitor, prometheusRule } = resource.spec.monitoring;
  const { agent } = agentNames(resource.metadata.name);
  const leftover = ({ group, version, kind }: ApiUse) => {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    return { apiVersion, kind, name: agent };
  };
  return [
    ...(isServiceDialled(resource.spec) ? [] : [leftover(apiUses.services)]),
    ...(networkPolicy === 'None' ? [leftover(apiUses.networkPolicies)] : []),
    ...(podMonitor === 'None' ? [leftover(apiUses.podMonitors)] : []),
    ...(prometheusRule === 'None' ? [leftover(apiUses.prometheusRules)] : []),
  ];
}

/** Runs the constructs in memory (about a millisecond) and makes what they declare belong to the NetExporter. */
function synthesize(resource: NetExporter, declare: (chart: Chart) => void): ManifestObject[] {
  const { name, namespace, uid } = resource.metadata;
  const chart = new Chart(new App(), 'agent', {
    namespace,
    labels: agentLabels(name),
    disableResourceNameHashes: true,
  });
  declare(chart);
  const { apiVersion, kind } = resource;
  const ownerReferences = [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }];
  return (chart.toJson() as ManifestObject[]).map((object) => ({
    ...object,
    metadata: { ...object.metadata, ownerReferences },
  }));
}
