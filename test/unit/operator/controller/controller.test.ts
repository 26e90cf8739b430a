import assert from 'node:assert/strict';
import type { Logger } from 'pino';
import { Controller, type Reconcile } from '../../../../src/operator/controller/controller.ts';
import { WorkQueue } from '../../../../src/operator/controller/work-queue.ts';
import { operatorLogger } from '../../../../src/operator/log/logger.ts';
import { type FakeClock, until } from '../../fake-clock.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';
import { quietLog } from '../quiet-log.ts';

function setUp(newClock: () => FakeClock, reconcile: Reconcile, workers = 2, log: Logger = quietLog) {
  const clock = newClock();
  const results: string[] = [];
  const durations: number[] = [];
  const observe = { added() {}, retried() {}, taken() {}, finished() {} };
  const queue = new WorkQueue({ clock, random: () => 1, backoff: { baseMs: 100, maxMs: 1000 }, observe });
  const controller = new Controller({
    queue,
    reconcile,
    clock,
    random: () => 0,
    log,
    observe: {
      started() {},
      ended(result, seconds) {
        results.push(result);
        durations.push(seconds);
      },
    },
  });
  controller.start(workers);
  return { clock, queue, controller, results, durations };
}

test('a reconcile that throws is tried again, and the other keys go on', async (newClock) => {
  const calls: string[] = [];
  const { clock, queue, controller, results } = setUp(newClock, async (key) => {
    calls.push(key);
    if (key === 'bad' && calls.filter((other) => other === 'bad').length < 3) throw new Error('not yet');
    return {};
  });
  queue.add('bad');
  queue.add('good');
  await until(() => results.length === 2, 'both were reconciled');
  assert.deepEqual(calls, ['bad', 'good']);
  clock.advance(100);
  await until(() => results.length === 3, 'the bad one was tried again');
  clock.advance(199);
  assert.equal(calls.length, 3);
  clock.advance(1);
  await until(() => results.length === 4, 'it was tried a third time');
  assert.deepEqual(results.sort(), ['error', 'error', 'success', 'success']);
  await controller.stop(1000);
});

test('a throw that is no promise fails one key only', async (newClock) => {
  const { queue, controller, results } = setUp(newClock, (key) => {
    if (key === 'bad') throw new TypeError('a fault in the code');
    return Promise.resolve({});
  });
  queue.add('bad');
  queue.add('good');
  await until(() => results.length === 2, 'both were reconciled');
  assert.deepEqual(results.sort(), ['error', 'success']);
  await controller.stop(1000);
});

test('a key comes again after the time that its reconcile asks for', async (newClock) => {
  let calls = 0;
  const { clock, queue, controller, results } = setUp(newClock, async () =>
    ++calls === 1 ? { requeueAfterMs: 30_000 } : {},
  );
  queue.add('a');
  await until(() => results.length === 1, 'it was reconciled');
  clock.advance(30_000);
  await until(() => results.length === 2, 'it was reconciled again');
  assert.deepEqual(results, ['requeue_after', 'success']);
  await controller.stop(1000);
});

test('a reconcile is as long as it took, whether it succeeds or fails', async (newClock) => {
  const clock = newClock();
  const { queue, controller, durations } = setUp(
    () => clock,
    async (key) => {
      clock.advance(1500);
      if (key === 'bad') throw new Error('not yet');
      return key === 'again' ? { requeueAfterMs: 30_000 } : {};
    },
    1,
  );
  for (const key of ['good', 'again', 'bad']) queue.add(key);
  await until(() => durations.length === 3, 'all were reconciled');
  assert.deepEqual(durations, [1.5, 1.5, 1.5]);
  await controller.stop(0);
});

test('no more keys are under way than there are workers', async (newClock) => {
  let running = 0;
  let most = 0;
  const gates: (() => void)[] = [];
  const { queue, controller, results } = setUp(
    newClock,
    async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => gates.push(resolve));
      running--;
      return {};
    },
    3,
  );
  for (const key of 'abcdefgh') queue.add(key);
  while (results.length < 8) {
    await until(() => gates.length > 0, 'a worker has begun');
    gates.shift()!();
    await until(() => gates.length > 0 || results.length === 8, 'the next one has begun');
  }
  assert.equal(most, 3);
  await controller.stop(1000);
});

test('stopping waits for what is under way, then aborts it, and starts nothing more', async (newClock) => {
  let aborted = false;
  const { clock, queue, controller, results } = setUp(
    newClock,
    (_key, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          resolve({});
        });
      }),
    1,
  );
  queue.add('a');
  queue.add('b');
  await until(() => queue.depth === 1, 'the first is under way');
  const stopped = controller.stop(2500);
  clock.advance(2499);
  assert.equal(aborted, false);
  clock.advance(1);
  await stopped;
  assert.equal(aborted, true);
  assert.equal(results.length, 1);
});

test('the log tells at level debug when each reconcile begins and ends, also one that fails', async (newClock) => {
  const lines: string[] = [];
  const log = operatorLogger('debug', { write: (line) => lines.push(line) });
  const reconcile: Reconcile = async (key) => {
    if (key === 'bad') throw new Error('not yet');
    return {};
  };
  const { queue, controller, results } = setUp(newClock, reconcile, 1, log);
  queue.add('good');
  queue.add('bad');
  await until(() => results.length === 2, 'both were reconciled');
  await controller.stop(1000);
  const told = lines
    .map((line) => JSON.parse(line) as { level: string; key: string; reconcile: number; msg: string })
    .filter(({ level }) => level === 'debug');
  assert.deepEqual(
    told.map(({ key, reconcile, msg }) => `${reconcile} ${key}: ${msg}`),
    ['1 good: reconcile begins', '1 good: reconcile ended', '2 bad: reconcile begins', '2 bad: reconcile ended'],
  );
});
