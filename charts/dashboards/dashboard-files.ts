import { App, Chart, Yaml } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { operatorNamespace } from '../../src/contract/operator-names.ts';
import { dashboard } from './dashboard.ts';

/** The dashboard in its two forms, by their path below the generated directory, each without a notice. */
export function dashboardFiles(): Map<string, string> {
  const json = `${JSON.stringify(dashboard(), null, 2)}\n`;
  return new Map([
    ['monitoring/dashboard.json', json],
    ['monitoring/component/dashboard.yaml', Yaml.stringify(...configMap(json))],
  ]);
}

/** What the sidecar of Grafana's Helm chart looks for, in every namespace or in its own. */
const sidecarLabels = { grafana_dashboard: '1' };

/**
 * The one ConfigMap with the dashboard. A second one with the same uid would make Grafana refuse every dashboard of the
 * folder.
 */
function configMap(json: string): object[] {
  const chart = new Chart(new App(), 'dashboard', { disableResourceNameHashes: true });
  new k8s.KubeConfigMap(chart, 'config-map', {
    metadata: {
      name: 'net-exporter-dashboard',
      namespace: operatorNamespace,
      labels: { 'app.kubernetes.io/part-of': 'net-exporter', ...sidecarLabels },
    },
    data: { 'net-exporter.json': json },
  });
  return chart.toJson();
}
