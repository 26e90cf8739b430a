import assert from 'node:assert/strict';
import { test } from 'node:test';
import { monotonicNs, pause, secondsSince, systemClock } from '../../../src/base/clock.ts';
import { testWithEachWallClock } from '../wall-clocks.ts';

testWithEachWallClock('a pause ends after its time', async (newClock) => {
  const clock = newClock();
  let ended = false;
  const paused = pause(clock, 1000, new AbortController().signal).then(() => {
    ended = true;
  });
  await clock.advanceAsync(999);
  assert.equal(ended, false);
  await clock.advanceAsync(1);
  await paused;
  assert.equal(clock.pending, 0);
});

testWithEachWallClock('a pause ends with its signal, and leaves no timer', async (newClock) => {
  const clock = newClock();
  const end = new AbortController();
  const paused = pause(clock, 1000, end.signal);
  end.abort();
  await paused;
  await pause(clock, 1000, end.signal);
  assert.equal(clock.pending, 0);
});

test('the system’s wall clock tells the time of day', () => {
  const before = Date.now();
  const told = systemClock.wall();
  assert.ok(told >= before && told <= Date.now());
});

test('the system’s monotonic clock goes forward, also in nanoseconds', async () => {
  const startedAt = systemClock.monotonic();
  const startedAtNs = monotonicNs();
  await new Promise<void>((resolve) => {
    systemClock.after(20, resolve);
  });
  const ns = secondsSince(startedAtNs) * 1e9;
  const ms = systemClock.monotonic() - startedAt;
  // A timer of Node may be a millisecond early.
  assert.ok(ns >= 19e6 && ns <= ms * 1e6, `${ns} ns within ${ms} ms`);
});

test('a timer of the system that is cancelled does not call back', async () => {
  const cancel = systemClock.after(1, () => assert.fail('it was called'));
  cancel();
  cancel();
  await new Promise<void>((resolve) => {
    systemClock.after(5, resolve);
  });
});
