import assert from 'node:assert/strict';
import { Controller, type Reconcile } from '../../../../src/operator/controller/controller.ts';
import { WorkQueue } from '../../../../src/operator/controller/work-queue.ts';
import { type FakeClock, until } from '../../fake-clock.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';
import { quietLog } from '../quiet-log.ts';

const workers = 4;

/** Keys that begin with `slow` take as long as the webhook, the others no time. */
function setUp(newClock: () => FakeClock, webhookMs: number, count = workers) {
  const clock = newClock();
  const running = new Map<string, () => void>();
  const done: string[] = [];
  const overlaps: string[] = [];
  const reconcile: Reconcile = (key, { signal }) => {
    if (!key.startsWith('slow')) {
      done.push(key);
      return Promise.resolve({});
    }
    if (running.has(key)) overlaps.push(key);
    return new Promise((resolve, reject) => {
      const cancel = clock.after(webhookMs, () => {
        running.delete(key);
        done.push(key);
        resolve({});
      });
      running.set(key, cancel);
      signal.addEventListener('abort', () => {
        cancel();
        running.delete(key);
        reject(new Error('aborted'));
      });
    });
  };
  const ignore = { added() {}, retried() {}, taken() {}, finished() {} };
  const queue = new WorkQueue({ clock, random: () => 1, backoff: { baseMs: 100, maxMs: 1000 }, observe: ignore });
  const controller = new Controller({
    ...{ name: 'test', queue, reconcile, clock, random: () => 0, log: quietLog },
    observe: { started() {}, panicked() {}, ended() {} },
  });
  controller.start(count);
  return { clock, queue, controller, running, done, overlaps };
}

for (const webhookMs of [6000, 20_000])
  test(`with webhooks of ${webhookMs / 1000} s, slow keys never take the last worker, all are reconciled, and none twice at once`, async (newClock) => {
    const { clock, queue, controller, running, done, overlaps } = setUp(newClock, webhookMs);
    const slow = Array.from({ length: 10 }, (_, index) => `slow-${index}`);
    for (const key of slow) queue.add(key);
    await until(() => running.size === workers, 'every worker has a key that is not known to be slow');
    for (let seconds = 0; seconds < 200 && !slow.every((key) => done.includes(key)); seconds++) {
      // Unknown slow keys may have the last worker for three seconds; the other three are slow for longer.
      await clock.advanceAsync(1000);
      if (seconds % 10 !== 9) continue;
      queue.add(`fast-${seconds}`);
      for (let waited = 0; !done.includes(`fast-${seconds}`); waited++) {
        assert.ok(waited <= 3 * slow.length, 'a fast key waits for those that were not known as slow, once each');
        await clock.advanceAsync(1000);
      }
    }
    assert.deepEqual(done.filter((key) => key.startsWith('slow')).sort(), slow);
    assert.deepEqual(overlaps, []);
    // Now all are known as slow: a fast key is reconciled without any time passing.
    for (const key of slow) queue.add(key);
    await until(() => running.size === workers - 1, 'as many as may are being reconciled');
    queue.add('fast-at-once');
    await until(() => done.includes('fast-at-once'), 'the fast key is reconciled');
    assert.equal(running.size, workers - 1);
    await controller.stop(0);
  });

test('a key that was reconciled quickly is slow no more', async (newClock) => {
  const { clock, queue, controller, running, done } = setUp(newClock, 6000);
  const slow = ['slow-0', 'slow-1', 'slow-2', 'slow-3'];
  for (const key of slow) queue.add(key);
  await until(() => running.size === workers, 'all run');
  await clock.advanceAsync(20_000);
  assert.deepEqual(done.sort(), slow);
  for (const key of slow) queue.add(key);
  await until(() => running.size === 3, 'three run, the fourth waits');
  await clock.advanceAsync(20_000);
  await controller.stop(0);
  assert.equal(done.length, 8);
});

test('a single worker reconciles slow keys too', async (newClock) => {
  const { clock, queue, controller, done } = setUp(newClock, 6000, 1);
  for (const key of ['slow-0', 'slow-1', 'slow-0']) queue.add(key);
  await clock.advanceAsync(12_000);
  assert.deepEqual(done, ['slow-0', 'slow-1']);
  await controller.stop(0);
});
