import { ApiObject, App, Chart } from 'cdk8s';

/** The installation as a Kustomize base: `kubectl apply -k`, or a line under `resources` of one's own kustomization. */
export function kustomization(): object[] {
  const chart = new Chart(new App(), 'kustomization');
  new ApiObject(chart, 'kustomization', {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    metadata: { name: 'net-exporter-operator' },
    resources: ['install.yaml'],
  });
  return chart.toJson();
}
