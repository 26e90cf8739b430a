import assert from 'node:assert/strict';
import { test } from 'node:test';
import { marked, namespaceObject } from '../../demo/demo-objects.ts';
import { foreignObjects } from '../../demo/foreign-objects.ts';
import type { KubeObject } from '../../demo/object-access.ts';

const namespace = namespaceObject();
namespace.metadata.creationTimestamp = '2026-01-01T00:00:00Z';

function object(kind: string, name: string, metadata: Partial<KubeObject['metadata']> = {}): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name, creationTimestamp: '2026-01-01T00:01:00Z', ...metadata } };
}

const isForeign = (one: KubeObject) => foreignObjects(namespace, [one]).length > 0;

test("a user's object is foreign, whatever its kind", () => {
  for (const kind of ['ConfigMap', 'Deployment', 'NetExporter', 'Secret', 'Pod'])
    assert.ok(isForeign(object(kind, 'mine')), kind);
  assert.ok(isForeign({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'without-a-time' } }));
});

test('what the demo, a controller, the operator or the cluster created is not', () => {
  for (const one of [
    marked(object('NetExporter', 'demo'), 'demo-1.2-abcdef'),
    object('Pod', 'demo-agent-x', { ownerReferences: [{ uid: '1' }] }),
    object('ServiceAccount', 'default'),
    object('ConfigMap', 'kube-root-ca.crt'),
    object('Lease', 'net-exporter-operator'),
    object('Secret', 'net-exporter-operator-sync'),
    object('EndpointSlice', 'net-exporter-operator-sync'),
    object('RoleBinding', 'system:image-pullers', { creationTimestamp: '2026-01-01T00:00:01Z' }),
  ])
    assert.ok(!isForeign(one), `${one.kind} ${one.metadata.name}`);
});
