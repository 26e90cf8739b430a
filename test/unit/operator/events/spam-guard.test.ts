import assert from 'node:assert/strict';
import { SpamGuard } from '../../../../src/operator/events/spam-guard.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';

const admitted = (guard: SpamGuard, uid: string, tries: number) =>
  Array.from({ length: tries }, () => guard.admits(uid)).filter(Boolean).length;

test('25 at once and then one in five minutes, for each object', (newClock) => {
  const clock = newClock();
  const guard = new SpamGuard(clock);
  assert.equal(admitted(guard, 'a', 100), 25);
  assert.equal(admitted(guard, 'b', 100), 25);
  clock.advance(299_999);
  assert.equal(admitted(guard, 'a', 100), 0);
  clock.advance(1);
  assert.equal(admitted(guard, 'a', 100), 1);
});

test('refused tries cost nothing, and a long quiet time gives back no more than 25', (newClock) => {
  const clock = newClock();
  const guard = new SpamGuard(clock);
  assert.equal(admitted(guard, 'a', 25), 25);
  for (let second = 0; second < 300; second++) {
    assert.equal(guard.admits('a'), false);
    clock.advance(1000);
  }
  assert.equal(guard.admits('a'), true);
  clock.advance(86_400_000);
  assert.equal(admitted(guard, 'a', 100), 25);
});

test('of more objects than are remembered the one that was quiet longest begins anew', (newClock) => {
  const guard = new SpamGuard(newClock());
  assert.equal(admitted(guard, 'a', 25), 25);
  for (let other = 0; other < 255; other++) guard.admits(`other-${other}`);
  assert.equal(guard.admits('a'), false);
  for (let other = 255; other < 511; other++) guard.admits(`other-${other}`);
  assert.equal(guard.admits('a'), true);
});
