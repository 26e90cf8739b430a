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
  const panics = { count: 0 };
  const observe = { added() {}, retried() {}, taken() {}, finished() {} };
  const queue = new WorkQueue({ clock, random: () => 1, backoff: { baseMs: 100, maxMs: 1000 }, observe });
  const controller = new Controller({
    name: 'test',
    queue,
    reconcile,
    clock,
    random: () => 0,
    log,
    observe: {
      started() {},
      panicked: () => panics.count++,
      ended(result, seconds) {
        results.push(result);
        durations.push(seconds);
      },
    },
  });
  controller.start(workers);
  return { clock, queue, controller, results, durations, panics };
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

for (const [what, thrown, isPanic] of [
  ['a fault in the code', new TypeError('a fault in the code'), true],
  ['what is no error', 'text', true],
  ['what nobody can write out', Object.create(null), true],
  ['an error of the API', new Error('not yet'), false],
] as const)
  test(`a reconcile that throws ${what}, and no promise, fails one key only, which is counted`, async (newClock) => {
    const reconcile: Reconcile = (key) => {
      if (key === 'bad') throw thrown;
      return Promise.resolve({});
    };
    const { queue, controller, results, panics } = setUp(newClock, reconcile, 1);
    queue.add('bad');
    queue.add('good');
    await until(() => results.length === 2, 'both were reconciled');
    assert.deepEqual(results.sort(), ['error', 'success']);
    assert.equal(panics.count, isPanic ? 1 : 0);
    await controller.stop(1000);
  });

test('draining works on every key that waits, also for its time, once more each, and ends', async (newClock) => {
  const calls: string[] = [];
  const reconcile: Reconcile = async (key) => {
    calls.push(key);
    if (key === 'bad') throw new Error('not yet');
    return { requeueAfterMs: 1000 };
  };
  const { clock, queue, controller } = setUp(newClock, reconcile, 1);
  queue.add('bad');
  await until(() => clock.pending === 1, 'the bad one waits for its next attempt');
  queue.addAfter('later', 60_000);
  queue.add('now');
  await controller.drain(1000);
  queue.add('late');
  assert.deepEqual(calls.sort(), ['bad', 'bad', 'later', 'now']);
  assert.deepEqual([clock.pending, queue.depth], [0, 0]);
});

test('draining gives up what takes longer than its grace', async (newClock) => {
  const calls: string[] = [];
  const reconcile: Reconcile = (key, { signal }) => {
    calls.push(key);
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve({})));
  };
  const { clock, queue, controller } = setUp(newClock, reconcile, 1);
  queue.add('slow');
  queue.add('next');
  await until(() => calls.length === 1, 'the first is under way');
  const drained = controller.drain(500);
  clock.advance(500);
  await drained;
  assert.deepEqual(calls, ['slow']);
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

test('the log tells at level debug when each reconcile starts and ends, also one that fails', async (newClock) => {
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
    ['1 good: reconcile started', '1 good: reconcile ended', '2 bad: reconcile started', '2 bad: reconcile ended'],
  );
});
