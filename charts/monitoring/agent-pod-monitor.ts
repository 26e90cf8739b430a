import { ApiObject, JsonPatch } from 'cdk8s';
import type { Construct } from 'constructs';
import { agentContract } from '../../src/contract/agent-contract.ts';
import { agentLabels, agentNames, agentSelector, instanceLabel, portName } from '../../src/contract/agent-names.ts';
import { apiUses } from '../../src/contract/api-uses.ts';
import type { NetExporter } from '../../src/crd/net-exporter.ts';

/**
 * Tells the Prometheus operator to scrape the agents, with the labels that docs/prometheus.yml gives those that are
 * found by annotation; namespace and pod are the Prometheus operator's own. By pod, so that a sick agent is scraped
 * too.
 */
export function addPodMonitor(scope: Construct, { metadata, spec }: NetExporter): void {
  const { group, version, kind } = apiUses.podMonitors;
  const podMonitor = new ApiObject(scope, 'pod-monitor', {
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name: agentNames(metadata.name).agent },
    spec: podMonitorSpec(metadata.name),
  });
  // A patch, because cdk8s refuses maps with a key such as `constructor`.
  const labels = { ...spec.monitoring.labels, ...agentLabels(metadata.name) };
  podMonitor.addJsonPatch(JsonPatch.add('/metadata/labels', labels));
}

/** The spec of the PodMonitor of a NetExporter. */
export function podMonitorSpec(instance: string) {
  return {
    selector: { matchLabels: agentSelector(instance) },
    attachMetadata: { node: true },
    podMetricsEndpoints: [podMetricsEndpoint],
  };
}

/** How each agent is scraped. */
export const podMetricsEndpoint = {
  port: portName,
  path: agentContract.metricsPath,
  relabelings: [
    { sourceLabels: [podLabel(instanceLabel)], targetLabel: 'netexporter' },
    { sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' },
    { sourceLabels: ['__meta_kubernetes_node_label_topology_kubernetes_io_zone'], targetLabel: 'zone' },
  ],
};

/** What Prometheus calls a pod's label before relabelling. */
function podLabel(label: string): string {
  return `__meta_kubernetes_pod_label_${label.replaceAll(/[^A-Za-z0-9_]/g, '_')}`;
}
