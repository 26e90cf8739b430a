import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNamesakes, planApply as planFor, stamped } from '../../../../src/operator/apply/apply-plan.ts';
import type { DeclaredObject } from '../../../../src/operator/apply/declared-object.ts';
import type { KubeObject, ObjectMeta } from '../../../../src/operator/kube/kube-object.ts';
import { owner, reference } from './owner.ts';

const planApply = (declared: DeclaredObject, observed: KubeObject | undefined, of: typeof owner) =>
  planFor(declared, observed, of, 'us');

const declared: DeclaredObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'n', ownerReferences: [reference] },
  data: { x: '1' },
};

function observed(metadata: Partial<ObjectMeta> = {}, data = { x: '1' }): KubeObject {
  const ours = { name: 'a', namespace: 'n', uid: 'o1', resourceVersion: '1', ownerReferences: [reference] };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...ours, ...metadata }, data };
}

test('what is not there is created', () => {
  assert.deepEqual(planApply(declared, undefined, owner), { action: 'create' });
});

test('what is there as declared is left as it is', () => {
  assert.deepEqual(planApply(declared, observed(), owner), { action: 'none' });
});

test('what differs is updated', () => {
  assert.deepEqual(planApply(declared, observed({}, { x: '2' }), owner), { action: 'update', drift: ['data.x'] });
});

test('what nobody controls is not ours', () => {
  const plan = planApply(declared, observed({ ownerReferences: [{ ...reference, controller: false }] }), owner);
  assert.deepEqual(plan, { action: 'leave', why: 'has no controller' });
});

const labels = {
  'app.kubernetes.io/managed-by': 'net-exporter-operator',
  'app.kubernetes.io/instance': 'default',
  'app.kubernetes.io/name': 'net-exporter-agent',
};

test('what was ours and has lost its controller is adopted, whoever else owns it, and waited for under deletion', () => {
  const lost = { labels, managedFields: [{ manager: 'us', operation: 'Apply' } as const] };
  for (const ownerReferences of [[], [{ ...reference, kind: 'Other', uid: 'u2', controller: false }]]) {
    const left = { ...lost, ownerReferences };
    assert.deepEqual(planApply(declared, observed(left), owner), { action: 'adopt' });
    const going = observed({ ...left, deletionTimestamp: '2026-01-01T00:00:00Z' });
    assert.deepEqual(planApply(declared, going, owner), { action: 'wait', why: 'is being deleted' });
  }
  const controlled = observed({ ...lost, ownerReferences: [{ ...reference, kind: 'Other', uid: 'u2' }] });
  assert.equal(planApply(declared, controlled, owner).action, 'leave');
});

test('what someone else controls is not ours, under deletion or not', () => {
  const ownerReferences = [{ ...reference, kind: 'Helm', name: 'other', uid: 'u2' }];
  for (const more of [{}, { deletionTimestamp: '2026-01-01T00:00:00Z' }])
    assert.deepEqual(planApply(declared, observed({ ownerReferences, ...more }), owner), {
      action: 'leave',
      why: 'is controlled by Helm other',
    });
});

test('what another owner of the same name has, or had, is updated: at least the reference to it differs', () => {
  const namesakes = observed({ ownerReferences: [{ ...reference, uid: 'u0' }] });
  const drift = ['metadata.ownerReferences[u1]'];
  assert.deepEqual(planApply(declared, namesakes, owner), { action: 'update', drift });
  assert.equal(isNamesakes(namesakes, owner), true);
  assert.equal(isNamesakes(observed(), owner), false);
  for (const other of [{ name: 'other' }, { kind: 'Other' }, { apiVersion: 'example.com/v1' }])
    assert.equal(isNamesakes(observed({ ownerReferences: [{ ...reference, ...other, uid: 'u2' }] }), owner), false);
});

test('what is being deleted is waited for', () => {
  assert.equal(planApply(declared, observed({ deletionTimestamp: '2026-01-01T00:00:00Z' }), owner).action, 'wait');
});

test('a field that is no longer declared shows as drift, by the annotation', () => {
  const before = stamped({ ...declared, data: { x: '1', y: '2' } });
  const after = stamped(declared);
  const applied = observed({ annotations: before.metadata.annotations! }, { x: '1', y: '2' } as { x: string });
  assert.deepEqual(planApply(after, applied, owner), {
    action: 'update',
    drift: ['metadata.annotations.net-exporter.dev/applied'],
  });
  assert.deepEqual(planApply(before, applied, owner), { action: 'none' });
});

test('equal declarations have equal annotations', () => {
  assert.deepEqual(stamped(declared), stamped(structuredClone(declared)));
});
