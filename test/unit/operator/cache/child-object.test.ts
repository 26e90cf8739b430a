import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentObjects } from '../../../../charts/agent/agent.ts';
import { settingsOf } from '../../../../src/operator/agents/settings-of.ts';
import { childObjectOf } from '../../../../src/operator/cache/child-object.ts';
import { ownerKeys } from '../../../../src/operator/cache/watched-kinds.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { netExporter } from '../net-exporter-builder.ts';

const owner = {
  apiVersion: 'net-exporter.dev/v1alpha1',
  kind: 'NetExporter',
  name: 'default',
  uid: 'u1',
  controller: true,
};

/** A ConfigMap of 1 MB with the operator's labels. */
function large(metadata: Record<string, unknown>): KubeObject {
  return {
    ...{ apiVersion: 'v1', kind: 'ConfigMap' },
    metadata: {
      ...{ name: 'mine', namespace: 'tenant', uid: 'x', resourceVersion: '5' },
      labels: {
        'app.kubernetes.io/managed-by': 'net-exporter-operator',
        'app.kubernetes.io/instance': 'default',
        ...Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`label-${n}`, 'x'])),
      },
      annotations: { note: 'x'.repeat(1000) },
      managedFields: [{ manager: 'kubectl' }],
      ...metadata,
    },
    data: { text: 'x'.repeat(1_000_000) },
  };
}

test('every object of a NetExporter stays whole', () => {
  const resource = netExporter();
  const runtime = { image: 'example.com/agent:1', settings: settingsOf(resource, []), podMonitor: true };
  const objects = agentObjects(resource, runtime) as unknown as KubeObject[];
  assert.ok(objects.length >= 7);
  for (const object of objects) assert.equal(childObjectOf(object), object);
});

for (const [whose, ownerReferences] of [
  ['without a controller', undefined],
  ['of another controller', [{ ...owner, apiVersion: 'apps/v1', kind: 'Deployment' }]],
  ['that names a NetExporter as its controller, but is none of its objects', [owner, { ...owner, controller: false }]],
] as const)
  test(`of an object ${whose} only its identity is kept, and which NetExporter it concerns`, () => {
    const object = large({ ownerReferences, deletionTimestamp: '2026-01-01T00:00:00Z' });
    const kept = childObjectOf(object);
    assert.ok(JSON.stringify(kept).length < 700, 'it takes less than 700 bytes');
    assert.deepEqual(ownerKeys(kept), ownerKeys(object));
    const { name, namespace, uid, resourceVersion, deletionTimestamp } = object.metadata;
    assert.deepEqual(
      [kept.kind, kept.metadata.name, kept.metadata.namespace, kept.metadata.uid, kept.metadata.resourceVersion],
      ['ConfigMap', name, namespace, uid, resourceVersion],
    );
    assert.equal(kept.metadata.deletionTimestamp, deletionTimestamp);
    assert.deepEqual(kept.metadata.ownerReferences?.[0], ownerReferences?.[0]);
  });
