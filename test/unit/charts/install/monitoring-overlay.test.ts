import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { installation } from '../../../../charts/install/install.ts';
import { monitoringOverlay } from '../../../../charts/install/monitoring-overlay.ts';

// What kustomize makes of these files is tested with kubectl: test/e2e/pod-monitor.test.ts.

// biome-ignore lint/suspicious/noExplicitAny: what is tested is the shape.
type Json = Record<string, any>;

const files = monitoringOverlay('1.2.3', ['dashboard.yaml']) as Record<string, Json[]>;
const installed = installation('1.2.3') as Json[];
const ofOperator = (kind: string) =>
  installed.find((object) => object.kind === kind && object.metadata.name === 'net-exporter-operator')!;
const only = (path: string) => {
  assert.equal(files[path]?.length, 1, path);
  return files[path]![0]!;
};

test('each kustomization names files and folders that are there', () => {
  for (const folder of ['monitoring', 'monitoring/component']) {
    const { resources, components = [] } = only(`${folder}/kustomization.yaml`);
    for (const resource of resources.filter((name: string) => name !== 'dashboard.yaml'))
      assert.ok(join(folder, resource) in files, resource);
    for (const component of components)
      assert.equal(only(`${folder}/${component}/kustomization.yaml`).kind, 'Component');
  }
  assert.ok(only('monitoring/component/kustomization.yaml').resources.includes('dashboard.yaml'));
});

test('the Service is the one of the installation, and the component takes every annotation of a scrape off it', () => {
  const service = only('monitoring/operator-service.yaml');
  assert.deepEqual(service, ofOperator('Service'));
  const [{ patch }] = only('monitoring/component/kustomization.yaml').patches;
  const { metadata, ...rest } = JSON.parse(patch);
  assert.deepEqual(rest, { apiVersion: 'v1', kind: 'Service' });
  assert.deepEqual([metadata.namespace, metadata.name], [service.metadata.namespace, service.metadata.name]);
  assert.deepEqual(Object.keys(metadata.annotations).sort(), Object.keys(service.metadata.annotations).sort());
  for (const value of Object.values(metadata.annotations)) assert.equal(value, null);
});

test('the PodMonitor has every replica of the operator scraped, and keeps the labels of its series', () => {
  const { metadata, spec } = only('monitoring/component/operator-pod-monitor.yaml');
  const deployment = ofOperator('Deployment');
  assert.equal(metadata.namespace, deployment.metadata.namespace);
  assert.deepEqual(spec.selector, deployment.spec.selector);
  const [endpoint, ...more] = spec.podMetricsEndpoints;
  assert.deepEqual([endpoint.honorLabels, more], [true, []]);
  const { annotations } = ofOperator('Service').metadata;
  const ports = deployment.spec.template.spec.containers[0].ports as Json[];
  const port = ports.find(({ name }) => name === endpoint.port);
  assert.deepEqual(
    [`${port?.containerPort}`, endpoint.path],
    [annotations['prometheus.io/port'], annotations['prometheus.io/path']],
  );
  assert.equal(spec.namespaceSelector, undefined, 'so that kustomize may change the namespace');
});
