import assert from 'node:assert/strict';
import fc from 'fast-check';
import { WorkQueue } from '../../../../src/operator/controller/work-queue.ts';
import type { FakeClock } from '../../fake-clock.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';

function setUp(newClock: () => FakeClock) {
  const clock = newClock();
  const seen: string[] = [];
  const queue = new WorkQueue({
    clock,
    random: () => 1,
    backoff: { baseMs: 100, maxMs: 1000 },
    observe: {
      added: () => seen.push('added'),
      retried: () => seen.push('retried'),
      taken: (seconds) => seen.push(`taken after ${seconds}`),
      finished: (seconds) => seen.push(`finished after ${seconds}`),
    },
  });
  return { clock, queue, seen };
}

test('a key that waits is there once, however often it is added', async (newClock) => {
  const { queue, seen } = setUp(newClock);
  queue.add('a');
  queue.add('a');
  queue.add('b');
  assert.equal(queue.depth, 2);
  assert.equal(await queue.next(), 'a');
  assert.equal(await queue.next(), 'b');
  assert.equal(queue.depth, 0);
  assert.equal(seen.filter((event) => event === 'added').length, 2);
});

test('many keys of one namespace do not delay that of another', async (newClock) => {
  const { queue } = setUp(newClock);
  for (let number = 0; number < 80; number++) queue.add(`stranger/${number}`);
  queue.add('neighbor/edited');
  assert.equal(await queue.next(), 'stranger/0');
  assert.equal(await queue.next(), 'neighbor/edited');
});

test('a key added while it is worked on comes again afterwards, and not before', async (newClock) => {
  const { queue } = setUp(newClock);
  queue.add('a');
  await queue.next();
  queue.add('a');
  queue.add('a');
  assert.equal(queue.depth, 0);
  queue.done('a');
  assert.equal(queue.depth, 1);
  assert.equal(await queue.next(), 'a');
  queue.done('a');
  assert.equal(queue.depth, 0);
});

test('a worker that waits gets the next key at once', async (newClock) => {
  const { queue } = setUp(newClock);
  const waiting = queue.next();
  queue.add('a');
  assert.equal(await waiting, 'a');
  assert.equal(queue.depth, 0);
});

test('of several delays for one key the earliest counts', (newClock) => {
  const { clock, queue } = setUp(newClock);
  queue.addAfter('a', 500);
  queue.addAfter('a', 200);
  queue.addAfter('a', 900);
  clock.advance(199);
  assert.equal(queue.depth, 0);
  clock.advance(1);
  assert.equal(queue.depth, 1);
  assert.equal(clock.pending, 0);
});

test('a retry does not wait behind a requeue that is due later, when the wall clock is set meanwhile', (newClock) => {
  for (const stepMs of [-3_600_000, 0, 3_600_000]) {
    const clock = newClock();
    const { queue } = setUp(() => clock);
    queue.addAfter('a', 5 * 60_000);
    clock.stepWall(stepMs);
    queue.addAfter('a', 50);
    clock.advance(50);
    assert.equal(queue.depth, 1);
    assert.equal(clock.pending, 0);
  }
});

test('retries wait longer each time, until the key is forgotten', (newClock) => {
  const { clock, queue, seen } = setUp(newClock);
  const waits: number[] = [];
  for (let failure = 0; failure < 6; failure++) {
    if (failure === 5) queue.forget('a');
    queue.retry('a');
    let waited = 0;
    for (; queue.depth === 0; waited += 50) clock.advance(50);
    waits.push(waited);
    queue.next();
    queue.done('a');
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 100]);
  assert.equal(seen.filter((event) => event === 'retried').length, 6);
});

test('a closed queue lets waiting workers go and takes nothing more', async (newClock) => {
  const { clock, queue } = setUp(newClock);
  const waiting = queue.next();
  queue.addAfter('later', 10);
  queue.close();
  queue.add('a');
  clock.advance(100);
  assert.equal(await waiting, undefined);
  assert.equal(await queue.next(), undefined);
  assert.equal(queue.depth, 0);
  assert.equal(clock.pending, 0);
});

test('it tells how long a key waited and how long it was worked on', async (newClock) => {
  const { clock, queue, seen } = setUp(newClock);
  queue.add('a');
  clock.advance(2000);
  await queue.next();
  clock.advance(3000);
  assert.deepEqual(queue.underWay(), [3]);
  queue.done('a');
  assert.deepEqual(seen, ['added', 'taken after 2', 'finished after 3']);
  assert.deepEqual(queue.underWay(), []);
});

test('whatever the order of calls, no key is given out twice at once and no added key is lost', async (newClock) => {
  const step = fc.record({
    action: fc.constantFrom('add', 'take', 'done', 'retry', 'wait'),
    key: fc.constantFrom('a', 'b', 'c'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { clock, queue } = setUp(newClock);
      const held = new Set<string>();
      const owed = new Set<string>();
      const take = async () => {
        const key = (await queue.next())!;
        assert.ok(!held.has(key), `${key} was given out twice at once`);
        held.add(key);
        owed.delete(key);
      };
      for (const { action, key } of steps) {
        if (action === 'add' || action === 'retry') owed.add(key);
        if (action === 'add') queue.add(key);
        if (action === 'retry') queue.retry(key);
        if (action === 'wait') clock.advance(150);
        if (action === 'take' && queue.depth > 0) await take();
        if (action === 'done' && held.delete(key)) queue.done(key);
      }
      clock.advance(10_000);
      for (const key of [...held]) {
        held.delete(key);
        queue.done(key);
      }
      while (queue.depth > 0) await take();
      assert.deepEqual([...owed], []);
    }),
  );
});
