import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { agentContract } from '../../src/contract/agent-contract.ts';
import { agentNames, agentSelector, portName, scrapeAnnotation } from '../../src/contract/agent-names.ts';
import type { NetExporter } from '../../src/crd/net-exporter.ts';

/** The agents' identity. It has no rights and no mounted token. */
export function addServiceAccount(scope: Construct, { metadata }: NetExporter): void {
  new k8s.KubeServiceAccount(scope, 'service-account', {
    metadata: { name: agentNames(metadata.name).agent },
    automountServiceAccountToken: false,
  });
}

/**
 * The Service that the agents dial as workloads would, if they do (each node's proxy handles one endpoint per agent),
 * and the headless one that lists them all, ready or not.
 * @param annotated whether annotations tell Prometheus what to scrape: where something else does, each agent would be
 *   scraped twice
 */
export function addServices(
  scope: Construct,
  { metadata, spec }: NetExporter,
  { annotated }: { annotated: boolean },
): void {
  const names = agentNames(metadata.name);
  const { port } = spec.agent;
  const both = {
    selector: agentSelector(metadata.name),
    // By name: while a change of the port rolls out, each pod is reached at its own.
    ports: [{ name: portName, port, protocol: 'TCP', targetPort: k8s.IntOrString.fromString(portName) }],
    ipFamilyPolicy: 'PreferDualStack',
    type: 'ClusterIP',
  };
  if (isServiceDialled(spec)) new k8s.KubeService(scope, 'service', { metadata: { name: names.agent }, spec: both });
  new k8s.KubeService(scope, 'peers', {
    metadata: {
      name: names.peers,
      // On this Service alone, so that no agent is scraped twice; ready or not, so that a sick agent still is.
      ...(annotated && { annotations: scrapeAnnotations(port) }),
    },
    spec: { ...both, clusterIp: 'None', publishNotReadyAddresses: true },
  });
}

/** Whether agents dial their own Service. */
export function isServiceDialled({ network }: NetExporter['spec']): boolean {
  return network.enabled && network.service;
}

/** How Prometheus finds the agents where no PodMonitor says so. */
export function scrapeAnnotations(port: number): Record<string, string> {
  return {
    [scrapeAnnotation]: 'true',
    'prometheus.io/port': String(port),
    'prometheus.io/path': agentContract.metricsPath,
  };
}

/** What the agents read, as files. */
export function addConfigMap(scope: Construct, { metadata }: NetExporter, files: Record<string, string>): void {
  new k8s.KubeConfigMap(scope, 'settings', { metadata: { name: agentNames(metadata.name).agent }, data: files });
}
