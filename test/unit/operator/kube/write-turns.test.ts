import assert from 'node:assert/strict';
import { WriteTurns } from '../../../../src/operator/kube/write-turns.ts';
import { type FakeClock, until } from '../../fake-clock.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';

const max = 8;
const never = new AbortController().signal;

/** Keys that begin with `slow` take as long as the webhook, the others no time. Aborted writes are tried again. */
function setUp(newClock: () => FakeClock, webhookMs: number) {
  const clock = newClock();
  const turns = new WriteTurns(clock, max);
  const running = new Set<string>();
  const done: string[] = [];
  let most = 0;
  const once = (key: string, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      running.add(key);
      most = Math.max(most, running.size);
      const end = (settle: () => void) => {
        running.delete(key);
        settle();
      };
      if (!key.startsWith('slow')) return end(resolve);
      const cancel = clock.after(webhookMs, () => end(resolve));
      signal.addEventListener('abort', () => {
        cancel();
        end(() => reject(signal.reason));
      });
    });
  const write = async (key: string) => {
    for (let written = false; !written; )
      written = await turns
        .run(key, never, (signal) => once(key, signal))
        .then(
          () => true,
          () => false,
        );
    done.push(key);
  };
  return { clock, turns, running, done, write, most: () => most };
}

for (const webhookMs of [6000, 14_000])
  test(`40 writes behind a webhook of ${webhookMs / 1000} s take 8 places at most, all are written, and the others never wait for slow ones`, async (newClock) => {
    const { clock, running, done, write, most } = setUp(newClock, webhookMs);
    const slow = Array.from({ length: 40 }, (_, index) => `slow-${index}`);
    for (const key of slow) void write(key);
    await until(() => running.size === max, 'every place is taken by a key that is not known to be slow');
    for (let seconds = 0; seconds < 1000 && done.length < slow.length; seconds++) await clock.advanceAsync(1000);
    assert.deepEqual(done.slice().sort(), slow.slice().sort());
    assert.equal(most(), max);
    for (const key of slow) void write(key);
    await until(() => running.size === max - 1, 'the last place is free');
    for (let index = 0; index < 100; index++) await write(`fast-${index}`);
    assert.deepEqual([running.size, most()], [max - 1, max]);
    await clock.advanceAsync(200_000);
    assert.equal(done.length, 2 * slow.length + 100);
    assert.equal(clock.pending, 0);
  });

test('a write that gives up while it waits is never begun, and keeps no place', async (newClock) => {
  const { clock, turns, running, write, done } = setUp(newClock, 6000);
  for (let index = 0; index < max; index++) void write(`slow-${index}`);
  await until(() => running.size === max, 'every place is taken');
  const end = new AbortController();
  let begun = 0;
  const gaveUp = turns.run('a', end.signal, async () => void begun++);
  const next = turns.run('b', never, async () => void begun++);
  end.abort(new Error('the operator is stopping'));
  await assert.rejects(gaveUp, { message: 'the operator is stopping' });
  await assert.rejects(
    turns.run('c', end.signal, async () => void begun++),
    { message: 'the operator is stopping' },
  );
  await clock.advanceAsync(6000);
  await next;
  assert.equal(begun, 1);
  await clock.advanceAsync(60_000);
  assert.equal(done.length, max);
});

test('a key that was written quickly is slow no more', async (newClock) => {
  const { clock, turns, running, write } = setUp(newClock, 6000);
  const keys = Array.from({ length: max }, (_, index) => `slow-${index}`);
  for (const key of keys) void write(key);
  await clock.advanceAsync(60_000);
  for (const key of keys) await turns.run(key, never, async () => {});
  for (const key of keys) void write(key);
  await until(() => running.size === max, 'none is known to be slow');
  await clock.advanceAsync(60_000);
});
