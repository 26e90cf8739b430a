import { k8s } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import { agentAppLabel, scrapeAnnotation } from '../../src/contract/agent-names.ts';
import {
  operatorMetricsPath,
  operatorName,
  operatorNamespace,
  operatorPort,
  operatorPortName,
  operatorSelector,
  syncPort,
  syncPortName,
  syncServiceName,
} from '../../src/contract/operator-names.ts';

/**
 * The Services and the NetworkPolicy of the operator: Prometheus and agents reach their ports, and no other port is
 * open.
 */
export function addOperatorNetwork(scope: Construct): void {
  addMetricsService(scope);
  addSyncService(scope);
  addNetworkPolicy(scope);
}

/** How a Prometheus that goes by annotations of Services finds the operator. */
export const operatorScrapeAnnotations: Record<string, string> = {
  [scrapeAnnotation]: 'true',
  'prometheus.io/port': String(operatorPort),
  'prometheus.io/path': operatorMetricsPath,
};

function addMetricsService(scope: Construct): void {
  new k8s.KubeService(scope, 'service', {
    metadata: {
      name: operatorName,
      namespace: operatorNamespace,
      annotations: operatorScrapeAnnotations,
    },
    spec: {
      selector: operatorSelector,
      ports: [
        {
          name: operatorPortName,
          port: operatorPort,
          protocol: 'TCP',
          targetPort: k8s.IntOrString.fromString(operatorPortName),
        },
      ],
      ipFamilyPolicy: 'PreferDualStack',
      type: 'ClusterIP',
    },
  });
}

/** Without a selector: only the leader answers agents, and it writes itself as the only endpoint. */
function addSyncService(scope: Construct): void {
  new k8s.KubeService(scope, 'sync-service', {
    metadata: { name: syncServiceName, namespace: operatorNamespace },
    spec: {
      ports: [
        { name: syncPortName, port: syncPort, protocol: 'TCP', targetPort: k8s.IntOrString.fromNumber(syncPort) },
      ],
      ipFamilyPolicy: 'PreferDualStack',
      type: 'ClusterIP',
    },
  });
}

/** Allows metrics from everywhere and sync from agents in all namespaces, and blocks all other ports. */
function addNetworkPolicy(scope: Construct): void {
  const port = (number: number) => [{ protocol: 'TCP', port: k8s.IntOrString.fromNumber(number) }];
  new k8s.KubeNetworkPolicy(scope, 'network-policy', {
    metadata: { name: operatorName, namespace: operatorNamespace },
    spec: {
      podSelector: { matchLabels: operatorSelector },
      policyTypes: ['Ingress'],
      ingress: [
        { ports: port(operatorPort) },
        { from: [{ namespaceSelector: {}, podSelector: { matchLabels: agentAppLabel } }], ports: port(syncPort) },
      ],
    },
  });
}
