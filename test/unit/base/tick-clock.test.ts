import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TickClock, tickClock, tickMs } from '../../../src/base/tick-clock.ts';
import { FakeClock } from '../fake-clock.ts';

test('timers call back at ticks, none more than a millisecond early or a tick late', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      fc.array(fc.double({ min: -10, max: 500, noNaN: true }), { minLength: 1, maxLength: 20 }),
      (start, delays) => {
        const clock = new FakeClock({ monotonic: start });
        const ticks = new TickClock(clock);
        const fired: number[] = [];
        for (const [index, ms] of delays.entries())
          ticks.after(ms, () => {
            fired[index] = clock.monotonic();
          });
        clock.advance(600);
        for (const [index, ms] of delays.entries()) {
          const late = fired[index]! - start - Math.max(0, ms);
          assert.ok(late >= -1 - 1e-6 && late <= tickMs + 1, `${ms} ms from ${start}: at ${fired[index]}`);
          const remainder = fired[index]! % tickMs;
          // The timer below takes whole milliseconds.
          assert.ok(remainder < 1.001 || remainder > tickMs - 1.001, `${fired[index]} is a tick`);
        }
        assert.equal(clock.pending, 0);
      },
    ),
  );
});

test('timers that are due at the same tick share one timer and keep their order', () => {
  const clock = new FakeClock();
  const ticks = new TickClock(clock);
  const called: string[] = [];
  for (const [name, ms] of [
    ['a', 95],
    ['b', 100],
    ['c', 82],
    ['next', 101.5],
  ] as const)
    ticks.after(ms, () => called.push(name));
  assert.equal(clock.pending, 2);
  clock.advance(100);
  assert.deepEqual(called, ['a', 'b', 'c']);
  clock.advance(20);
  assert.deepEqual(called, ['a', 'b', 'c', 'next']);
});

test('a timer that is cancelled does not call back, nor does it take the others with it', () => {
  const clock = new FakeClock();
  const ticks = new TickClock(clock);
  const called: string[] = [];
  const call = (name: string) => () => void called.push(name);
  const cancelFirst = ticks.after(10, call('first'));
  ticks.after(10, () => {
    cancelLast();
    called.push('second');
  });
  const cancelLast = ticks.after(10, call('last'));
  cancelFirst();
  cancelFirst();
  const cancelOnly = ticks.after(50, call('only'));
  cancelOnly();
  assert.equal(clock.pending, 1);
  clock.advance(100);
  cancelOnly();
  assert.deepEqual(called, ['second']);
});

test('a timer that is set at a tick waits for a later one', () => {
  const clock = new FakeClock();
  const ticks = new TickClock(clock);
  const at: number[] = [];
  const again = () => {
    at.push(clock.monotonic());
    if (at.length < 4) ticks.after(tickMs, again);
  };
  ticks.after(tickMs, again);
  clock.advance(200);
  assert.deepEqual(at, [20, 40, 60, 80]);
});

test('the process has one that runs', async () => {
  const startedAt = tickClock.monotonic();
  await new Promise<void>((resolve) => {
    tickClock.after(30, resolve);
  });
  assert.ok(tickClock.monotonic() - startedAt >= 28);
  assert.ok(Math.abs(tickClock.wall() - Date.now()) < 60_000);
});
