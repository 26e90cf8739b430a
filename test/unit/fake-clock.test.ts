import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from './fake-clock.ts';

test('both times pass together, from where each began', () => {
  const clock = new FakeClock({ monotonic: 500, wall: 1_000_000 });
  clock.advance(20);
  assert.deepEqual([clock.monotonic(), clock.wall()], [520, 1_000_020]);
});

test('setting the wall clock passes no time and runs no timer', () => {
  const clock = new FakeClock({ wall: 1_000_000 });
  clock.after(10, () => assert.fail('it ran'));
  clock.stepWall(3_600_000);
  assert.deepEqual([clock.monotonic(), clock.wall(), clock.next], [0, 4_600_000, 10]);
  clock.stepWall(-7_200_000);
  assert.deepEqual([clock.monotonic(), clock.wall(), clock.next], [0, -2_600_000, 10]);
});

test('a wall clock that is set between any two readings leaves the other time alone', () => {
  const clock = new FakeClock({ wall: 0, stepMs: -1000 });
  assert.deepEqual([clock.wall(), clock.wall(), clock.lastWall, clock.monotonic()], [0, -1000, -1000, 0]);
});

test('timers run at their time and in the order of their times', async () => {
  for (const advance of ['advance', 'advanceAsync'] as const) {
    const clock = new FakeClock();
    const ran: [string, number][] = [];
    const run = (name: string) => () => void ran.push([name, clock.monotonic()]);
    clock.after(30, run('third'));
    clock.after(10, run('first'));
    clock.after(10, run('second'));
    clock.after(5, run('never'))();
    clock.after(41, run('later'));
    await clock[advance](40);
    assert.deepEqual(ran, [
      ['first', 10],
      ['second', 10],
      ['third', 30],
    ]);
    assert.equal(clock.pending, 1);
  }
});

test('while the process is held up time passes, and timers run after it', () => {
  const clock = new FakeClock();
  const ran: number[] = [];
  clock.after(10, () => ran.push(clock.monotonic()));
  clock.stall(25);
  assert.deepEqual(ran, [25]);
});
