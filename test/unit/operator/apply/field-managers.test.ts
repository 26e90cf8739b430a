import assert from 'node:assert/strict';
import { test } from 'node:test';
import { otherManagers } from '../../../../src/operator/apply/field-managers.ts';
import type { ManagedFields } from '../../../../src/operator/kube/kube-object.ts';

const entry = (manager: string, fieldsV1: Record<string, unknown>, more: ManagedFields = {}): ManagedFields => ({
  manager,
  operation: 'Update',
  fieldsV1,
  ...more,
});
const ports = { 'f:spec': { 'f:ports': { 'k:{"port":8000,"protocol":"TCP"}': { '.': {}, 'f:targetPort': {} } } } };
const label = { 'f:metadata': { 'f:labels': { 'f:app.kubernetes.io/name': {} } } };

test('who manages a changed field is found by its path, in lists and under names with dots', () => {
  const fields = [entry('us', { ...ports, ...label }), entry('a', ports), entry('b', label)];
  assert.deepEqual(otherManagers(fields, ['spec.ports[8000/TCP].targetPort'], 'us'), ['a']);
  assert.deepEqual(otherManagers(fields, ['metadata.labels.app.kubernetes.io/name'], 'us'), ['b']);
  assert.deepEqual(otherManagers(fields, ['spec.ports[8000/TCP]', 'metadata.labels'], 'us'), ['a', 'b']);
});

test('a list that is one field belongs to whoever wrote it as a whole', () => {
  assert.deepEqual(otherManagers([entry('a', { 'f:spec': { 'f:ingress': {} } })], ['spec.ingress[0].ports'], 'us'), [
    'a',
  ]);
});

test('of a field that was taken away it was whoever wrote last; the controllers that write a status never', () => {
  const early = entry('early', label, { time: '2026-01-01T00:00:00Z' });
  const late = entry('late', label, { time: '2026-01-02T00:00:00Z' });
  const status = entry('kubelet', { 'f:data': {} }, { time: '2026-01-03T00:00:00Z', subresource: 'status' });
  assert.deepEqual(otherManagers([late, early, status], ['data.x'], 'us'), ['late']);
  assert.deepEqual(otherManagers([status, entry('us', ports)], ['data.x'], 'us'), []);
});
