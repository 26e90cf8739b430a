import assert from 'node:assert/strict';
import { SpamGuard } from '../../../../src/operator/events/spam-guard.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';

const reasons = ['A', 'B', 'C', 'D', 'E'];
const admitted = (guard: SpamGuard, uid: string, tries: number) =>
  Array.from({ length: tries }, (_, index) => guard.admits(uid, reasons[index % reasons.length]!)).filter(Boolean)
    .length;

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
    assert.equal(guard.admits('a', 'A'), false);
    clock.advance(1000);
  }
  assert.equal(guard.admits('a', 'A'), true);
  clock.advance(86_400_000);
  assert.equal(admitted(guard, 'a', 100), 25);
});

test('of more objects than are remembered the one that was quiet longest begins anew', (newClock) => {
  const guard = new SpamGuard(newClock());
  assert.equal(admitted(guard, 'a', 25), 25);
  for (let other = 0; other < 255; other++) guard.admits(`other-${other}`, 'A');
  assert.equal(guard.admits('a', 'A'), false);
  for (let other = 255; other < 511; other++) guard.admits(`other-${other}`, 'A');
  assert.equal(guard.admits('a', 'A'), true);
});

test('of one reason there are ten at once and then one in a minute, and other reasons have room', (newClock) => {
  const clock = newClock();
  const guard = new SpamGuard(clock);
  const ofReason = (reason: string) =>
    Array.from({ length: 50 }, () => guard.admits('a', reason)).filter(Boolean).length;
  assert.deepEqual([ofReason('A'), ofReason('B'), ofReason('C')], [10, 10, 5]);
  clock.advance(60_000);
  assert.equal(ofReason('A'), 0, 'the object has had its Events');
  clock.advance(240_000);
  assert.equal(ofReason('A'), 1);
});
