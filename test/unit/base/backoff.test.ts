import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoffDelay, doubledDelay } from '../../../src/base/backoff.ts';

const limits = { baseMs: 100, maxMs: 2000 };

test('a doubled delay begins with the first, and is never longer than the cap', () => {
  const delays = [-1, 0, 1, 2, 3, 60, 5000].map((times) => doubledDelay(times, limits));
  assert.deepEqual(delays, [100, 100, 100, 200, 400, 2000, 2000]);
});

test('the delay doubles with each failure up to the cap', () => {
  const delays = [1, 2, 3, 4, 5, 6, 60].map((failures) => backoffDelay(failures, limits, () => 1));
  assert.deepEqual(delays, [100, 200, 400, 800, 1600, 2000, 2000]);
});

test('half of the delay is left to chance, and never more than the cap', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5000 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, chance) => {
      const full = backoffDelay(failures, limits, () => 1);
      const delay = backoffDelay(failures, limits, () => chance);
      assert.ok(delay >= full / 2 && delay <= full && full <= limits.maxMs);
    }),
  );
});
