import assert from 'node:assert/strict';
import { test } from 'node:test';
import { immutableDifference, isImmutableRefusal } from '../../../../src/operator/apply/immutable-fields.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';

function difference(kind: string, declared: object, observed: object): string | undefined {
  const metadata = { name: 'a', namespace: 'n', uid: 'o1', resourceVersion: '1' };
  return immutableDifference(
    { apiVersion: 'v1', kind, metadata, spec: declared },
    { apiVersion: 'v1', kind, metadata, spec: observed },
  );
}

test('a DaemonSet’s selector cannot be changed, whichever label it has more or less', () => {
  const selector = (labels: object) => ({ selector: { matchLabels: labels } });
  assert.equal(difference('DaemonSet', selector({ a: '1' }), selector({ a: '1' })), undefined);
  for (const other of [{ a: '2' }, { a: '1', b: '1' }, {}])
    assert.equal(difference('DaemonSet', selector({ a: '1' }), selector(other)), 'spec.selector');
});

test('a Service cannot become headless, nor stop being so; which address it has is its own affair', () => {
  assert.equal(difference('Service', { clusterIP: 'None' }, { clusterIP: '10.0.0.1' }), 'spec.clusterIP');
  assert.equal(difference('Service', {}, { clusterIP: 'None' }), 'spec.clusterIP');
  assert.equal(difference('Service', {}, { clusterIP: '10.0.0.1' }), undefined);
  assert.equal(difference('Service', { clusterIP: 'None' }, { clusterIP: 'None' }), undefined);
});

test('the selector of other kinds can be changed', () => {
  assert.equal(difference('NetworkPolicy', { selector: { a: '1' } }, { selector: { a: '2' } }), undefined);
});

for (const message of [
  'DaemonSet.apps "a" is invalid: spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: field is immutable',
  'ConfigMap "a" is invalid: data: Forbidden: field is immutable when `immutable` is set',
  'Service "a" is invalid: spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set',
  'Service "a" is invalid: spec.clusterIPs[0]: Invalid value: "": primary clusterIP can not be unset',
])
  test(`a refusal for ever: ${message}`, () => {
    assert.equal(isImmutableRefusal(new ApiError('Invalid', message)), true);
    assert.equal(isImmutableRefusal(new ApiError('Forbidden', message)), false);
  });

test('other refusals may end with another spec', () => {
  assert.equal(isImmutableRefusal(new ApiError('Invalid', 'spec.ports[1].name: Duplicate value: "metrics"')), false);
});
