import { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import { apiUses } from '../../src/contract/api-uses.ts';
import {
  operatorMetricsPath,
  operatorName,
  operatorNamespace,
  operatorPortName,
  operatorSelector,
} from '../../src/contract/operator-names.ts';

/**
 * Tells the Prometheus operator to scrape every replica of the operator. Series about a NetExporter have its namespace
 * and name as labels, which must not be replaced by those of the pod.
 */
export function addOperatorPodMonitor(scope: Construct): void {
  const { group, version, kind } = apiUses.podMonitors;
  new ApiObject(scope, 'operator-pod-monitor', {
    apiVersion: `${group}/${version}`,
    kind,
    metadata: { name: operatorName, namespace: operatorNamespace },
    spec: {
      selector: { matchLabels: operatorSelector },
      podMetricsEndpoints: [{ port: operatorPortName, path: operatorMetricsPath, honorLabels: true }],
    },
  });
}
