import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { RequestTurns } from '../../../../src/operator/sync/request-turns.ts';
import { FakeClock } from '../../fake-clock.ts';

/** Requests each of which takes a millisecond, and how many of them were processed. */
function setUp() {
  const clock = new FakeClock();
  const turns = new RequestTurns(clock);
  const processed: number[] = [];
  const process = (number: number) => {
    clock.advance(1);
    processed.push(number);
  };
  return { turns, processed, process };
}

test('requests that come together are processed for five milliseconds a turn, in their order', async () => {
  const { turns, processed, process } = setUp();
  const numbers = Array.from({ length: 100 }, (_, number) => number);
  const all = Promise.all(numbers.map((number) => turns.run(() => process(number))));
  assert.equal(processed.length, 5, 'the first ones do not wait');
  for (let before = 5; before < 100; before = processed.length) {
    await setImmediate();
    assert.ok(processed.length > before && processed.length - before <= 5, `${before} and then ${processed.length}`);
  }
  await all;
  assert.deepEqual(processed, numbers);
});

test('one that comes while others wait is later than they', async () => {
  const { turns, processed, process } = setUp();
  const first = Array.from({ length: 8 }, (_, number) => turns.run(() => process(number)));
  await setImmediate();
  await Promise.all([...first, turns.run(() => process(8)), turns.run(() => process(9))]);
  assert.deepEqual(processed, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('what processing a request throws concerns that request only', async () => {
  const { turns, processed, process } = setUp();
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, number) =>
      turns.run(() => {
        process(number);
        if (number % 7 === 0) throw new Error(`request ${number}`);
      }),
    ),
  );
  assert.equal(processed.length, 20);
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [(result.reason as Error).message] : []));
  assert.deepEqual(reasons, ['request 0', 'request 7', 'request 14']);
});
