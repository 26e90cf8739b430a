import assert from 'node:assert/strict';
import { WriteTurns } from '../../../../src/operator/kube/write-turns.ts';
import { type FakeClock, until } from '../../fake-clock.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';

const max = 8;
const never = new AbortController().signal;

/**
 * Writes in namespaces that begin with `slow` take as long as the webhook, the others no time. Aborted ones are tried
 * again.
 */
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
  const write = async (key: string, namespace = key) => {
    for (let written = false; !written; )
      written = await turns
        .run(namespace, never, (signal) => once(key, signal).then(() => true))
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
    await until(() => running.size === max, 'every place is taken by a namespace that is not known to be slow');
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
  const gaveUp = turns.run('a', end.signal, async () => ++begun > 0);
  const next = turns.run('b', never, async () => ++begun > 0);
  end.abort(new Error('the operator is stopping'));
  await assert.rejects(gaveUp, { message: 'the operator is stopping' });
  await assert.rejects(
    turns.run('c', end.signal, async () => ++begun > 0),
    { message: 'the operator is stopping' },
  );
  await clock.advanceAsync(6000);
  await next;
  assert.equal(begun, 1);
  await clock.advanceAsync(60_000);
  assert.equal(done.length, max);
});

test('a write waits 3 s at most for the 1,000 writes of one slow namespace, which keep 7 places', async (newClock) => {
  const { clock, running, done, write } = setUp(newClock, 14_000);
  for (let index = 0; index < 1000; index++) void write(`slow-${index}`, 'slow');
  void write('fast');
  await clock.advanceAsync(3000);
  assert.deepEqual([done, running.size], [['fast'], max - 1]);
});

test('each namespace has its turn, however many writes of another one wait', async (newClock) => {
  const { clock, done, write } = setUp(newClock, 14_000);
  for (let index = 0; index < 1000; index++) void write(`slow-a${index}`, 'slow-a');
  void write('slow-b');
  await clock.advanceAsync(3 * 14_000);
  assert.ok(done.includes('slow-b'), `${done}`);
});

for (const [what, write, places] of [
  ['was written quickly is slow no more', async () => true, max],
  ['had nothing to write is still slow', async () => false, max - 1],
  ['was answered with an error is still slow', async () => Promise.reject(new Error('conflict')), max - 1],
] as const)
  test(`a namespace that ${what}`, async (newClock) => {
    const { clock, turns, running, write: begin } = setUp(newClock, 6000);
    const names = Array.from({ length: max }, (_, index) => `slow-${index}`);
    for (const name of names) void begin(name, 'slow');
    await clock.advanceAsync(60_000);
    await turns.run('slow', never, write).catch(() => {});
    for (const name of names) void begin(name, 'slow');
    await until(() => running.size >= places, 'writes are running');
    assert.equal(running.size, places);
    await clock.advanceAsync(60_000);
  });
