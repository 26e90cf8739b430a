import assert from 'node:assert/strict';
import { setImmediate as settled } from 'node:timers/promises';
import fc from 'fast-check';
import { Controller } from '../../../../src/operator/controller/controller.ts';
import { WorkQueue } from '../../../../src/operator/controller/work-queue.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';
import { quietLog } from '../quiet-log.ts';
import { type Answer, QueueModel, seconds } from './queue-model.ts';

const backoff = { baseMs: 50, maxMs: 5000 };
/** As all times here a sum of powers of two, so that no sum of them is rounded and the model can compare them. */
const chance = 0.75;
const keys = ['a', 'b', 'c', 'd'];

/**
 * What is done to a queue. Keys of `done` are numbers into those that are held, so that most of them mean something.
 */
type Step =
  | { do: 'add' | 'forget'; key: string }
  | { do: 'addAfter'; key: string; ms: number }
  | { do: 'retry'; key: string; leastMs: number }
  | { do: 'retryMany'; count: number }
  | { do: 'done'; index: number }
  | { do: 'ask' | 'close' | 'drain' }
  | { do: 'pass'; ms: number };

const key = fc.constantFrom(...keys);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('forget' as const), key }) },
  {
    weight: 3,
    arbitrary: fc
      .record({ do: fc.constant('addAfter' as const), key, ms: fc.integer({ min: 0, max: 3000 }) })
      .map((step) => ({ ...step, ms: step.ms + 1 / 16 })),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('retry' as const), key, leastMs: fc.constantFrom(0, 0, 700.25) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('retryMany' as const), count: fc.integer({ min: 30, max: 150 }) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('done' as const), index: fc.nat(5) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('ask' as const) }) },
  {
    weight: 6,
    arbitrary: fc
      .record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 2000 }) })
      .map((step) => ({ ...step, ms: step.ms + 1 / 8 })),
  },
);

/** What may follow: an end by either way, or by both, and what is done to a queue that has ended. */
const end: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('close' as const, 'drain' as const) }) },
  { weight: 1, arbitrary: step },
);

test('whatever is asked of it, and whenever, a queue does what its model does', async (newClock) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 80, size: 'max' }),
      fc.array(end, { maxLength: 8 }),
      async (steps, ends) => {
        const clock = newClock();
        const startedAt = clock.monotonic();
        const told: string[] = [];
        const queue = new WorkQueue({
          ...{ clock, random: () => chance, backoff },
          observe: {
            added: () => told.push('added'),
            retried: () => told.push('retried'),
            taken: (time) => told.push(`taken ${seconds(time * 1000)}`),
            finished: (time) => told.push(`finished ${seconds(time * 1000)}`),
          },
        });
        const model = new QueueModel(backoff, chance);
        const answers: Answer[] = [];
        let asked = 0;
        for (const step of [...steps, ...ends]) {
          switch (step.do) {
            case 'add':
            case 'forget':
              queue[step.do](step.key);
              model[step.do](step.key);
              break;
            case 'addAfter':
              queue.addAfter(step.key, step.ms);
              model.addAfter(step.key, step.ms);
              break;
            case 'retry':
              queue.retry(step.key, step.leastMs);
              model.retry(step.key, step.leastMs);
              break;
            case 'retryMany':
              for (let number = 0; number < step.count; number++)
                for (const one of [queue, model]) one.retry(`many-${number}`, 0);
              break;
            case 'done': {
              // Also of a key that nobody has.
              const held = model.held[step.index] ?? keys[step.index] ?? 'a stranger';
              queue.done(held);
              model.done(held);
              break;
            }
            case 'ask': {
              const number = asked++;
              void queue.next().then((key) => answers.push({ asked: number, key }));
              model.ask();
              break;
            }
            case 'pass':
              clock.advance(step.ms);
              model.passTo(clock.monotonic() - startedAt);
              break;
            case 'close':
            case 'drain':
              queue[step.do]();
              model[step.do]();
          }
          await settled();
          assert.deepEqual(answers, model.answers);
          assert.deepEqual(told, model.told);
          assert.equal(queue.depth, model.depth);
          assert.equal(queue.underWay().length, model.held.length);
          assert.equal(clock.pending > 0, model.nextAt !== undefined);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('hundreds of keys that all fail are tried at a bounded rate, none of them at once twice, each as often as any other', async (newClock) => {
  const clock = newClock();
  const count = 300;
  const attempts: { key: string; at: number }[] = [];
  const underWay = new Set<string>();
  const observe = { added() {}, retried() {}, taken() {}, finished() {} };
  const queue = new WorkQueue({ clock, random: () => chance, backoff, observe });
  const controller = new Controller({
    name: 'test',
    ...{ queue, clock, random: () => chance, log: quietLog, observe: { started() {}, panicked() {}, ended() {} } },
    reconcile: async (key) => {
      assert.ok(!underWay.has(key), `${key} twice at once`);
      underWay.add(key);
      attempts.push({ key, at: clock.monotonic() });
      await settled();
      underWay.delete(key);
      throw new Error('the API server is away');
    },
  });
  controller.start(4);
  const startedAt = clock.monotonic();
  for (let number = 0; number < count; number++) queue.add(`${number}`);
  const quiet = () => queue.depth === 0 && underWay.size === 0;
  for (let tick = 0; tick < 1500; tick++) {
    do await settled();
    while (!quiet());
    clock.advance(100);
  }
  await controller.stop(0);
  // The first attempt of each is no retry. In 150 s: a hundred at once, and ten a second.
  const retries = attempts.slice(count);
  assert.ok(retries.length >= 1500, `${retries.length} retries: none was lost`);
  for (const [index, { at }] of retries.entries()) {
    const allowed = 100 + (10 * (at - startedAt)) / 1000 + 1;
    assert.ok(index + 1 <= allowed, `${index + 1} retries in the first ${(at - startedAt) / 1000} s`);
  }
  for (let from = 0; from + 200 < retries.length; from++)
    assert.ok(retries[from + 200]!.at - retries[from]!.at >= 9_900, 'more than a burst and the rate within a window');
  const times = Array.from({ length: count }, (_, key) => retries.filter((retry) => retry.key === `${key}`).length);
  assert.ok(
    Math.max(...times) - Math.min(...times) <= 2,
    `from ${Math.min(...times)} to ${Math.max(...times)} times each`,
  );
});
