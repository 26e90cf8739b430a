import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease, LeaseSpec } from '../../../../src/operator/leader/lease.ts';
import { freeFrom, observeLease } from '../../../../src/operator/leader/lease-observation.ts';

const spec: LeaseSpec = { holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: '2000-01-01T00:00:00.000000Z' };

function lease(change: Partial<LeaseSpec> = {}, resourceVersion = '1'): Lease {
  const metadata = { name: 'operator', uid: 'u', resourceVersion };
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: { ...spec, ...change } };
}

test('a held Lease is free when nothing has changed in it for as long as it lasts, whatever its own times say', () => {
  const seen = observeLease(undefined, lease({ renewTime: '1970-01-01T00:00:00.000000Z' }), 1000);
  assert.equal(freeFrom(seen, 'b'), 16_000);
});

test('a renewal begins its time anew; hearing the same again does not', () => {
  const first = observeLease(undefined, lease(), 1000);
  const again = observeLease(first, lease({}, '2'), 9000);
  assert.deepEqual([again.since, again.resourceVersion], [1000, '2']);
  const renewed = observeLease(again, lease({ renewTime: '2000-01-01T00:00:01.000000Z' }, '3'), 9000);
  assert.equal(freeFrom(renewed, 'b'), 24_000);
});

test('a Lease that was released, that is ours, or that never was is free at once', () => {
  assert.equal(freeFrom(observeLease(undefined, lease({ holderIdentity: '' }), 1000), 'b'), 1000);
  assert.equal(freeFrom(observeLease(undefined, lease(), 1000), 'a'), 1000);
  assert.equal(freeFrom(observeLease(undefined, undefined, 1000), 'b'), 1000);
});

test('a Lease that was deleted is free only when its time is over: its holder may go on until then', () => {
  const held = observeLease(undefined, lease(), 1000);
  const deleted = observeLease(held, undefined, 5000);
  assert.equal(freeFrom(deleted, 'b'), 16_000);
  assert.equal(deleted.resourceVersion, undefined);
});
