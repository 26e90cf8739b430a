import { App, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { operatorName, operatorNamespace } from '../../src/contract/operator-names.ts';
import { operatorScrapeAnnotations } from '../operator/operator-network.ts';
import { addOperatorPodMonitor } from '../operator/operator-pod-monitor.ts';
import { installation, operatorLabels } from './install.ts';

/** Folder of the component, below the generated directory. */
export const monitoringComponent = 'monitoring/component';

/**
 * What a Prometheus operator and Grafana need besides the installation, by path below the generated directory. For
 * those who install with kustomize, a component to add to the installation: it also changes the operator's Service, so
 * that nothing but the PodMonitor has the operator scraped. For those who do not, the same with that Service, as one
 * kustomization. It cannot have the installation as its base: kustomize refuses one in a folder above.
 * @param manifests more files in the component's folder, such as the dashboard
 */
export function monitoringOverlay(version: string, manifests: readonly string[]): Record<string, object[]> {
  return {
    'monitoring/kustomization.yaml': kustomization('v1beta1', 'Kustomization', {
      resources: ['operator-service.yaml'],
      components: ['component'],
    }),
    'monitoring/operator-service.yaml': [metricsServiceOf(installation(version))],
    [`${monitoringComponent}/kustomization.yaml`]: kustomization('v1alpha1', 'Component', {
      resources: ['operator-pod-monitor.yaml', ...manifests],
      patches: [{ patch: JSON.stringify(withoutAnnotations()) }],
    }),
    [`${monitoringComponent}/operator-pod-monitor.yaml`]: objects(addOperatorPodMonitor),
  };
}

function kustomization(version: string, kind: string, fields: object): object[] {
  const apiVersion = `kustomize.config.k8s.io/${version}`;
  return [{ apiVersion, kind, metadata: { name: 'net-exporter-monitoring' }, ...fields }];
}

interface Service {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; annotations: Record<string, string> };
}

function metricsServiceOf(install: readonly object[]): Service {
  return (install as Service[]).find(({ kind, metadata }) => kind === 'Service' && metadata.name === operatorName)!;
}

/** A strategic merge patch of the operator's Service. */
function withoutAnnotations(): object {
  const annotations = Object.fromEntries(Object.keys(operatorScrapeAnnotations).map((name) => [name, null]));
  const metadata = { name: operatorName, namespace: operatorNamespace, annotations };
  return { apiVersion: 'v1', kind: 'Service', metadata };
}

function objects(declare: (scope: Construct) => void): object[] {
  const chart = new Chart(new App(), 'monitoring', { labels: operatorLabels, disableResourceNameHashes: true });
  declare(chart);
  return chart.toJson();
}
