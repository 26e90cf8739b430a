import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpamGuard } from '../../../../src/operator/events/spam-guard.ts';

const admitted = (guard: SpamGuard, uid: string, tries: number, now: number) =>
  Array.from({ length: tries }, () => guard.admits(uid, now)).filter(Boolean).length;

test('25 at once and then one in five minutes, for each object', () => {
  const guard = new SpamGuard();
  assert.equal(admitted(guard, 'a', 100, 0), 25);
  assert.equal(admitted(guard, 'b', 100, 0), 25);
  assert.equal(admitted(guard, 'a', 100, 299_999), 0);
  assert.equal(admitted(guard, 'a', 100, 300_000), 1);
});

test('refused tries cost nothing, and a long quiet time gives back no more than 25', () => {
  const guard = new SpamGuard();
  assert.equal(admitted(guard, 'a', 25, 0), 25);
  for (let now = 0; now < 300_000; now += 1000) assert.equal(guard.admits('a', now), false);
  assert.equal(guard.admits('a', 300_000), true);
  assert.equal(admitted(guard, 'a', 100, 86_400_000), 25);
});

test('a clock that goes back gives nothing', () => {
  const guard = new SpamGuard();
  assert.equal(admitted(guard, 'a', 100, 1_000_000), 25);
  assert.equal(guard.admits('a', 0), false);
});
