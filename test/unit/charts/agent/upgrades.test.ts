import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentObjects, type ManifestObject } from '../../../../charts/agent/agent.ts';
import { settingsOf } from '../../../../src/operator/agents/settings-of.ts';
import { netExporter } from '../../operator/net-exporter-builder.ts';

// Objects of an older version are found by what stands here. A change of it leaves them behind: it is no upgrade.

function objectsOf(image: string): ManifestObject[] {
  const resource = netExporter();
  const settings = settingsOf(resource, ['10.96.0.7']);
  return agentObjects(resource, { image, settings, podMonitor: true, prometheusRule: true });
}

const objects = objectsOf('example.com/agent:1');
const selector = {
  'app.kubernetes.io/instance': 'default',
  'app.kubernetes.io/name': 'net-exporter-agent',
};

test('no version changes kind, name or API version of what it makes', () => {
  assert.deepEqual(objects.map(({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name}`).sort(), [
    'apps/v1 DaemonSet default-agent',
    'monitoring.coreos.com/v1 PodMonitor default-agent',
    'monitoring.coreos.com/v1 PrometheusRule default-agent',
    'networking.k8s.io/v1 NetworkPolicy default-agent',
    'v1 ConfigMap default-agent',
    'v1 Service default-agent',
    'v1 Service default-agent-peers',
    'v1 ServiceAccount default-agent',
  ]);
});

test('no version changes the labels by which it finds what an older one made', () => {
  for (const { kind, metadata } of objects)
    assert.deepEqual(
      metadata.labels,
      {
        ...selector,
        'app.kubernetes.io/component': 'agent',
        'app.kubernetes.io/managed-by': 'net-exporter-operator',
        'app.kubernetes.io/part-of': 'net-exporter',
      },
      kind,
    );
});

test('no version changes a field that nobody can change', () => {
  const specOf = (kind: string, name: string) =>
    objects.find((object) => object.kind === kind && object.metadata.name === name)?.spec as Record<string, unknown>;
  assert.deepEqual(specOf('DaemonSet', 'default-agent').selector, { matchLabels: selector });
  assert.equal(specOf('Service', 'default-agent').clusterIP, undefined);
  assert.equal(specOf('Service', 'default-agent-peers').clusterIP, 'None');
});

test('the operator’s version shows in the agents’ image and nowhere else', () => {
  const withImage = (image: string) => JSON.stringify(objectsOf(image)).replaceAll(image, 'IMAGE');
  assert.equal(withImage('example.com/agent:2'), withImage('example.com/agent:1'));
});
