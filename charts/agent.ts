import { App, Chart } from 'cdk8s';
import type { NetExporter } from '../src/crd/net-exporter.ts';
import { encodeSettings, type Settings } from '../src/protocol/settings.ts';
import { agentContract } from './agent-contract.ts';
import { addDaemonSet } from './agent-daemon-set.ts';
import { agentLabels, agentNames } from './agent-names.ts';
import { addConfigMap, addNetworkPolicy, addServiceAccount, addServices } from './agent-objects.ts';

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
}

/** Every object that a NetExporter stands for, in the order in which to apply them. */
export function agentObjects(resource: NetExporter, runtime: AgentRuntime): ManifestObject[] {
  return [...agentNetwork(resource), ...agentWorkload(resource, runtime)];
}

/** The objects that need no settings. The settings need the Services' addresses, so these come first. */
export function agentNetwork(resource: NetExporter): ManifestObject[] {
  return synthesize(resource, (chart) => {
    addServiceAccount(chart, resource);
    addServices(chart, resource);
    if (resource.spec.monitoring.networkPolicy === 'Ingress') addNetworkPolicy(chart, resource);
  });
}

/** The settings and the pods that read them. */
export function agentWorkload(resource: NetExporter, { image, settings }: AgentRuntime): ManifestObject[] {
  return synthesize(resource, (chart) => {
    addConfigMap(chart, resource, { [agentContract.settingsKey]: encodeSettings(settings) });
    addDaemonSet(chart, resource, image);
  });
}

/** The objects that a NetExporter may have had under another spec and must not have under this one. */
export function agentLeftovers(resource: NetExporter): { apiVersion: string; kind: string; name: string }[] {
  if (resource.spec.monitoring.networkPolicy !== 'None') return [];
  return [
    { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', name: agentNames(resource.metadata.name).agent },
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
