import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expiring, released, renewed, takenBy } from '../../../../src/operator/leader/lease.ts';

const now = Date.parse('2026-01-01T00:00:00.123Z');
const time = '2026-01-01T00:00:00.123000Z';

test('the first holder is number 0, and each one after it counts up', () => {
  const first = takenBy('a', undefined, now);
  assert.deepEqual(first, {
    holderIdentity: 'a',
    leaseDurationSeconds: 15,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: 0,
  });
  assert.equal(takenBy('b', first, now).leaseTransitions, 1);
  assert.equal(takenBy('b', released(first, now), now).leaseTransitions, 1);
});

test('who holds it already is not counted again', () => {
  assert.equal(takenBy('a', { holderIdentity: 'a', leaseTransitions: 7 }, now).leaseTransitions, 7);
});

test('a renewal changes the time and nothing else', () => {
  const held = takenBy('a', undefined, now);
  assert.deepEqual(renewed(held, now + 1000), { ...held, renewTime: '2026-01-01T00:00:01.123000Z' });
});

for (const [inMs, seconds] of [
  [1, 1],
  [12_000, 13],
  [12_600, 13],
  [12_700, 14],
  [14_500, 15],
] as const)
  test(`a Lease that must be held for ${inMs} ms expires after ${seconds} s, not earlier by a clock that is 3 % faster`, () => {
    const held = takenBy('a', undefined, now);
    const renewTime = '2026-01-01T00:00:01.123000Z';
    assert.deepEqual(expiring(held, inMs, now + 1000), { ...held, renewTime, leaseDurationSeconds: seconds });
  });

test('a released Lease has no holder and lasts a second, as those that client-go releases', () => {
  const { holderIdentity, leaseDurationSeconds, leaseTransitions } = released({ leaseTransitions: 3 }, now);
  assert.deepEqual([holderIdentity, leaseDurationSeconds, leaseTransitions], ['', 1, 3]);
});
