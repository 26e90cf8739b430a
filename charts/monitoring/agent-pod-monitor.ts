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
    spec: podMonitorSpec(metadata.name, spec.monitoring),
  });
  // A patch, because cdk8s refuses maps with a key such as `constructor`.
  const labels = { ...spec.monitoring.labels, ...agentLabels(metadata.name) };
  podMonitor.addJsonPatch(JsonPatch.add('/metadata/labels', labels));
}

/** What the PodMonitor takes from the spec of a NetExporter. */
type Monitoring = Pick<NetExporter['spec']['monitoring'], 'attachNodeMetadata' | 'scrape'>;

/** The spec of the PodMonitor of a NetExporter. */
export function podMonitorSpec(instance: string, { attachNodeMetadata, scrape }: Monitoring) {
  const { interval, timeout, metricRelabelings } = scrape;
  const zone = attachNodeMetadata ? zoneOfNode : zoneOfPod;
  return {
    selector: { matchLabels: agentSelector(instance) },
    // Without the rights to nodes, Prometheus would wait for them and find no agent.
    ...(attachNodeMetadata && { attachMetadata: { node: true } }),
    podMetricsEndpoints: [
      {
        ...scraped,
        ...(interval !== '' && { interval }),
        ...(timeout !== '' && { scrapeTimeout: timeout }),
        relabelings: [instanceOfPod, nodeOfPod, zone],
        ...(metricRelabelings.length > 0 && { metricRelabelings }),
      },
    ],
  };
}

/** What is scraped of each agent. */
export const scraped = { port: portName, path: agentContract.metricsPath };

const zoneLabel = 'topology.kubernetes.io/zone';

const instanceOfPod = { sourceLabels: [podLabel(instanceLabel)], targetLabel: 'netexporter' };
const nodeOfPod = { sourceLabels: ['__meta_kubernetes_pod_node_name'], targetLabel: 'node' };
/** Kubernetes 1.35 and newer copies the label from the node to the pod (KEP-4742). */
const zoneOfPod = { sourceLabels: [podLabel(zoneLabel)], targetLabel: 'zone' };
const zoneOfNode = { sourceLabels: [metaLabel('node', zoneLabel)], targetLabel: 'zone' };

/** Each relabeling that a PodMonitor may have. */
export const possibleRelabelings = [instanceOfPod, nodeOfPod, zoneOfPod, zoneOfNode];

function podLabel(label: string): string {
  return metaLabel('pod', label);
}

/** What Prometheus calls a label of a pod or node before relabelling. */
function metaLabel(object: 'pod' | 'node', label: string): string {
  return `__meta_kubernetes_${object}_label_${label.replaceAll(/[^A-Za-z0-9_]/g, '_')}`;
}
