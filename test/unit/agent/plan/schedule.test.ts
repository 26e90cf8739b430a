import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Schedule, type ScheduleEvents, type SkipReason, type Task } from '../../../../src/agent/plan/schedule.ts';
import { FakeClock } from '../../fake-clock.ts';

/** A schedule whose tasks note when they ran. */
function setUp(clock = new FakeClock(), seed = 'node-a', stepMs = 20) {
  const turns: { key: string; at: number }[] = [];
  const skipped: Record<SkipReason, number> = { running: 0, late: 0 };
  const lags: number[] = [];
  const events: ScheduleEvents = {
    late: (seconds) => lags.push(seconds),
    skipped: (reason, count) => {
      skipped[reason] += count;
    },
  };
  const schedule = new Schedule(clock, seed, events, stepMs);
  const task = (key: string, intervalMs: number, run: Task['run'] = async () => {}): Task => ({
    key,
    slot: key,
    intervalMs,
    run: (signal) => {
      turns.push({ key, at: clock.monotonic() });
      return run(signal);
    },
  });
  const timesOf = (key: string) => turns.filter((turn) => turn.key === key).map(({ at }) => at);
  return { clock, schedule, turns, skipped, lags, task, timesOf };
}

/** The tests' intervals are far above this; a sum of fractions is never exact. */
const nearly = (a: number, b: number) => Math.abs(a - b) < 1e-6 * Math.max(1, Math.abs(b));

test('turns never drift: each is at the first one plus a whole number of intervals', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 100, max: 60_000 }),
      fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 60 }),
      async (intervalMs, steps) => {
        const { clock, schedule, task, timesOf, skipped } = setUp(new FakeClock({ monotonic: 12_345 }));
        schedule.set([task('t', intervalMs)]);
        for (const step of steps) await clock.advanceAsync(step);
        const times = timesOf('t');
        const elapsed = clock.monotonic() - 12_345;
        assert.ok(Math.abs(times.length - elapsed / intervalMs) <= 1);
        for (const [n, at] of times.entries()) assert.ok(nearly(at, times[0]! + n * intervalMs));
        assert.deepEqual(skipped, { running: 0, late: 0 });
        schedule.stop();
      },
    ),
    { numRuns: 15 },
  );
});

test('turns of many tasks are spread over the interval', async () => {
  const { clock, schedule, turns, task } = setUp();
  schedule.set(Array.from({ length: 1000 }, (_, n) => task(`10.0.${n >> 8}.${n & 255}`, 10_000)));
  await clock.advanceAsync(10_000);
  assert.equal(turns.length, 1000);
  const tenths = Array.from({ length: 10 }, (_, n) => turns.filter(({ at }) => Math.floor(at / 1000) === n).length);
  assert.ok(Math.min(...tenths) > 60 && Math.max(...tenths) < 140, `a tenth of the interval each: ${tenths}`);
});

test('turns begin at multiples of the step, so that those of few slots share one', async () => {
  for (const [stepMs, most] of [
    [20, 50],
    [1, 1000],
  ] as const) {
    const { clock, schedule, task, turns } = setUp(new FakeClock(), 'node-a', stepMs);
    schedule.set(Array.from({ length: 200 }, (_, n) => task(`t${n}`, 1000)));
    await clock.advanceAsync(1000);
    const times = new Set(turns.map(({ at }) => at));
    assert.ok([...times].every((at) => at % stepMs === 0));
    assert.ok(times.size <= most && times.size > most / 10, `${times.size}`);
    if (stepMs === 1) assert.ok(times.size > 50, `${times.size}`);
  }
});

test('tasks of one slot have their turns at the same time', async () => {
  const { clock, schedule, task, timesOf } = setUp();
  const slot = 'peer';
  schedule.set([{ ...task('a', 10_000), slot }, { ...task('b', 10_000), slot }, task('c', 10_000)]);
  await clock.advanceAsync(30_000);
  assert.equal(timesOf('a').length, 3);
  assert.deepEqual(timesOf('b'), timesOf('a'));
  assert.notDeepEqual(timesOf('c'), timesOf('a'));
});

test('shared tasks of one group begin apart, those of different groups together, and a removed one leaves its place', async () => {
  const { clock, schedule, task, timesOf } = setUp();
  const lookup = (key: string, group: string) => ({ ...task(key, 1000), slot: 'same', isShared: true, group });
  schedule.set([lookup('a', 'server 1'), lookup('b', 'server 1'), lookup('c', 'server 2')]);
  await clock.advanceAsync(1000);
  assert.deepEqual(timesOf('c'), timesOf('a'));
  assert.notEqual(timesOf('b')[0], timesOf('a')[0]);
  schedule.set([lookup('b', 'server 1'), lookup('c', 'server 2'), lookup('d', 'server 1')]);
  await clock.advanceAsync(1000);
  assert.deepEqual(timesOf('d'), timesOf('c').slice(1));
  assert.equal(timesOf('b')[1]! - timesOf('b')[0]!, 1000);
  schedule.stop();
});

test('two agents take the same task at different offsets', async () => {
  const a = setUp(new FakeClock(), 'node-a');
  const b = setUp(new FakeClock(), 'node-b');
  for (const { schedule, task, clock } of [a, b]) {
    schedule.set([task('t', 10_000)]);
    await clock.advanceAsync(10_000);
  }
  assert.notEqual(a.timesOf('t')[0], b.timesOf('t')[0]);
});

test('a task that comes later has the turns it would have had from the start', async () => {
  const early = setUp();
  const late = setUp();
  early.schedule.set([early.task('t', 1000)]);
  await late.clock.advanceAsync(7777);
  late.schedule.set([late.task('t', 1000)]);
  await early.clock.advanceAsync(20_000);
  await late.clock.advanceAsync(20_000 - 7777);
  const expected = early.timesOf('t').filter((at) => at >= 7777);
  const seen = late.timesOf('t');
  assert.equal(seen.length, expected.length);
  for (const [n, at] of seen.entries()) assert.ok(nearly(at, expected[n]!));
});

test('a probe that is still running at its next turn is counted and not doubled', async () => {
  const { clock, schedule, task, timesOf, skipped } = setUp();
  const { promise, resolve } = Promise.withResolvers<void>();
  schedule.set([task('t', 1000, () => promise)]);
  await clock.advanceAsync(3500);
  assert.equal(timesOf('t').length, 1);
  const owed = skipped.running;
  assert.ok(owed >= 2 && owed <= 3);
  resolve();
  await clock.advanceAsync(1000);
  assert.equal(timesOf('t').length, 2);
  assert.equal(skipped.running, owed);
  assert.equal(skipped.late, 0);
});

test('a turn that rejects ends itself and nothing else', async () => {
  const { clock, schedule, task, timesOf } = setUp();
  schedule.set([task('bad', 1000, () => Promise.reject(new Error('no'))), task('good', 1000)]);
  await clock.advanceAsync(5000);
  assert.equal(timesOf('bad').length, 5);
  assert.equal(timesOf('good').length, 5);
});

test('after a stall the missed turns are counted and not made up for in a burst', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1500, max: 120_000 }),
      fc.integer({ min: 100, max: 20_000 }),
      async (stallMs, intervalMs) => {
        const { clock, schedule, turns, task, skipped, lags } = setUp();
        const count = 40;
        schedule.set(Array.from({ length: count }, (_, n) => task(`t${n}`, intervalMs)));
        clock.stall(stallMs);
        const atOnce = turns.length;
        // Only what was due within the last moment, which is a share of the tasks.
        const share = Math.min(1000, intervalMs / 2) / intervalMs;
        assert.ok(atOnce <= Math.ceil(count * share) + 10, `${atOnce} of ${count} at once`);
        assert.equal(new Set(turns.map(({ key }) => key)).size, atOnce, 'none twice');
        assert.ok(Math.max(...lags) * 1000 >= stallMs - 1000 - 1, 'the stall is seen');
        // Whatever the stall: turns taken and turns missed add up to the turns owed.
        await clock.advanceAsync(intervalMs - 1e-6);
        const owed = ((stallMs + intervalMs) / intervalMs) * count;
        const told = turns.length + skipped.late + skipped.running;
        assert.ok(Math.abs(told - owed) <= count, `${told} of ${owed} owed`);
        schedule.stop();
      },
    ),
    { numRuns: 50 },
  );
});

test('a short delay costs no turn', async () => {
  const { clock, schedule, task, timesOf, skipped, lags } = setUp();
  schedule.set([task('t', 10_000)]);
  await clock.advanceAsync(9_999);
  const first = timesOf('t')[0]!;
  await clock.advanceAsync(first + 9_800 - clock.monotonic());
  clock.stall(700);
  assert.equal(timesOf('t').length, 2);
  assert.equal(skipped.late, 0);
  assert.ok(Math.max(...lags) > 0.4);
  await clock.advanceAsync(10_000);
  assert.ok(nearly(timesOf('t')[2]!, first + 20_000), 'the turn after it is at its own time again');
});

test('shared turns begin together, at four times of an interval, when the schedule looks for stalls anyway', async () => {
  const start = 12_345;
  const { clock, schedule, turns, task } = setUp(new FakeClock({ monotonic: start }));
  const tasks = Array.from({ length: 200 }, (_, n) => ({ ...task(`10.0.0.${n}`, 10_000), isShared: true }));
  schedule.set(tasks);
  await clock.advanceAsync(10_000);
  assert.equal(turns.length, 200);
  assert.ok(
    turns.every(({ at }) => at % 1000 === 0),
    `${turns.map(({ at }) => at)}`,
  );
  const together = Map.groupBy(turns, ({ at }) => at);
  assert.equal(together.size, 4);
  assert.ok(Math.max(...[...together.values()].map((some) => some.length)) < 75, 'spread evenly');
});

test('shared turns begin at two times of an interval or more, at four if they have groups, about 2.5 s apart at most', async () => {
  for (const intervalMs of [100, 150, 1000, 1230, 5000, 60_000])
    for (const isGrouped of [false, true]) {
      const { clock, schedule, turns, task } = setUp(new FakeClock({ monotonic: 500 }));
      const count = isGrouped ? 16 : 200;
      const shared = (n: number) => ({ isShared: true, ...(isGrouped && { group: `server ${n % 4}` }) });
      schedule.set(Array.from({ length: count }, (_, n) => ({ ...task(`10.0.0.${n}`, intervalMs), ...shared(n) })));
      await clock.advanceAsync(intervalMs);
      const steps = [...new Set(turns.map(({ at }) => at))];
      if (isGrouped && intervalMs === 60_000) assert.ok(steps.length >= 4 && steps.every((at) => at % 1000 === 0));
      else {
        const fewest = Math.max(isGrouped ? 4 : 2, intervalMs / 2500);
        assert.ok(steps.length >= fewest && steps.length <= fewest + 1, `${steps} at ${intervalMs} ms`);
        const gaps = steps.map((at, n) => (steps[n + 1] ?? steps[0]! + intervalMs) - at);
        assert.ok(Math.max(...gaps) <= Math.min(3000, 0.6 * intervalMs), `${gaps} at ${intervalMs} ms`);
      }
    }
});

test('a stall is seen also when no turn was due in it, but for its first second at most', async () => {
  for (const after of [0, 300, 999]) {
    const { clock, lags } = setUp();
    await clock.advanceAsync(10_000 + after);
    assert.equal(Math.max(...lags), 0);
    clock.stall(3000);
    assert.equal(Math.max(...lags), (2000 + after) / 1000);
  }
});

test('changes end and start only the tasks that changed', async () => {
  const key = fc.constantFrom<string[]>('a', 'b', 'c', 'd', 'e', 'f');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uniqueArray(key), { minLength: 1, maxLength: 20 }), async (plans) => {
      const { clock, schedule } = setUp();
      const inFlight = new Map<string, number>();
      const aborted: string[] = [];
      const endless = (name: string): Task => ({
        key: name,
        slot: name,
        intervalMs: 1000,
        run: (signal) => {
          inFlight.set(name, (inFlight.get(name) ?? 0) + 1);
          return new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              inFlight.set(name, inFlight.get(name)! - 1);
              aborted.push(name);
              reject(signal.reason as Error);
            });
          });
        },
      });
      let before: string[] = [];
      for (const plan of plans) {
        aborted.length = 0;
        schedule.set(plan.map(endless));
        assert.deepEqual(
          aborted.sort(),
          before.filter((name) => !plan.includes(name)).sort(),
          'those that are gone, and no others, are aborted',
        );
        await clock.advanceAsync(1000);
        const running = [...inFlight].filter(([, count]) => count > 0);
        assert.deepEqual(
          running.sort(),
          plan.map((name): [string, number] => [name, 1]).sort(),
          'each of the plan runs once',
        );
        before = plan;
      }
      schedule.stop();
      assert.ok([...inFlight.values()].every((count) => count === 0));
      assert.equal(clock.pending, 0, 'no timer is left');
    }),
    { numRuns: 50 },
  );
});

test('another interval moves the turns, does not touch the one in flight, and takes the task in its new form', async () => {
  const { clock, schedule, task, timesOf } = setUp();
  let signal: AbortSignal | undefined;
  const { promise, resolve } = Promise.withResolvers<void>();
  schedule.set([
    task('t', 1000, (given) => {
      signal = given;
      return promise;
    }),
  ]);
  await clock.advanceAsync(1000);
  assert.equal(timesOf('t').length, 1);
  let runsOfNew = 0;
  schedule.set([
    task('t', 5000, async () => {
      runsOfNew++;
    }),
  ]);
  assert.equal(signal?.aborted, false);
  resolve();
  await clock.advanceAsync(10_000);
  await clock.advanceAsync(5000);
  assert.ok(runsOfNew >= 2);
  const [, second, third] = timesOf('t');
  assert.ok(nearly(third! - second!, 5000));
});

test('the same interval leaves the turns where they are, however often the plan is set', async () => {
  const often = setUp();
  const once = setUp();
  once.schedule.set([once.task('t', 1000)]);
  await once.clock.advanceAsync(10_000);
  for (let n = 0; n < 100; n++) {
    often.schedule.set([often.task('t', 1000)]);
    await often.clock.advanceAsync(100);
  }
  assert.equal(often.timesOf('t').length, 10);
  assert.deepEqual(often.timesOf('t').map(Math.round), once.timesOf('t').map(Math.round));
});

test('a plan that is set while a turn is overdue does not take the turn away', async () => {
  const { clock, schedule, task, timesOf, skipped } = setUp();
  schedule.set([task('t', 10_000)]);
  await clock.advanceAsync(9_999);
  const due = timesOf('t')[0]! + 10_000;
  await clock.advanceAsync(due - 100 - clock.monotonic());
  clock.after(50, () => schedule.set([task('t', 10_000), task('u', 10_000)]));
  clock.stall(400);
  assert.equal(timesOf('t').length, 2);
  assert.equal(skipped.late, 0);
});
