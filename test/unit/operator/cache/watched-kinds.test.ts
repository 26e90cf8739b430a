import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentPodSelector, ownerKeys } from '../../../../src/operator/cache/watched-kinds.ts';
import type { ObjectMeta, OwnerReference } from '../../../../src/operator/kube/kube-object.ts';

const reference: OwnerReference = {
  apiVersion: 'net-exporter.dev/v1alpha1',
  kind: 'NetExporter',
  name: 'a',
  uid: 'u',
  controller: true,
};

function keys(ownerReferences: OwnerReference[], instance?: string): string[] {
  const labels = instance === undefined ? {} : { 'app.kubernetes.io/instance': instance };
  const metadata: ObjectMeta = { name: 'x', namespace: 'n', uid: 'x', resourceVersion: '1', ownerReferences, labels };
  return ownerKeys({ metadata });
}

test('an object concerns its controller and the instance of its label', () => {
  assert.deepEqual(keys([reference], 'a'), ['n/a']);
  assert.deepEqual(keys([reference], 'b'), ['n/a', 'n/b']);
  assert.deepEqual(keys([], 'b'), ['n/b']);
});

test('owners of other kinds, of other groups, or that do not control it concern nobody', () => {
  assert.deepEqual(keys([{ ...reference, kind: 'DaemonSet' }]), []);
  assert.deepEqual(keys([{ ...reference, apiVersion: 'example.com/v1' }]), []);
  assert.deepEqual(keys([{ ...reference, controller: false }]), []);
  assert.deepEqual(keys([{ ...reference, apiVersion: 'net-exporter.dev/v1' }]), ['n/a']);
});

test('pods are selected by our labels', () => {
  assert.equal(
    agentPodSelector,
    'app.kubernetes.io/managed-by=net-exporter-operator,app.kubernetes.io/name=net-exporter-agent',
  );
});
