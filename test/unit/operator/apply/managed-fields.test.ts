import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asApplied } from '../../../../src/operator/apply/managed-fields.ts';
import type { ManagedFields } from '../../../../src/operator/kube/kube-object.ts';

const created: ManagedFields = {
  manager: 'us',
  operation: 'Update',
  apiVersion: 'v1',
  fieldsType: 'FieldsV1',
  fieldsV1: { 'f:data': { 'f:a': {} } },
};
const applied: ManagedFields = { ...created, operation: 'Apply', fieldsV1: { 'f:data': { 'f:b': {} } } };
const status: ManagedFields = { ...created, subresource: 'status' };
const others: ManagedFields = { ...created, manager: 'them' };

test('what was created becomes applied, and the entries of others stay', () => {
  assert.deepEqual(asApplied([others, created, status], 'us'), [others, status, { ...created, operation: 'Apply' }]);
});

test('what was created and what was applied become one', () => {
  const [entry, ...more] = asApplied([created, applied], 'us')!;
  assert.deepEqual(more, []);
  assert.deepEqual(entry, { ...applied, fieldsV1: { 'f:data': { 'f:a': {}, 'f:b': {} } } });
});

test('nothing is to be done where nothing of ours is by update', () => {
  assert.equal(asApplied([applied, status, others], 'us'), undefined);
  assert.equal(asApplied([], 'us'), undefined);
});
