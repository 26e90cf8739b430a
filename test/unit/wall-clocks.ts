import { test } from 'node:test';
import { FakeClock } from './fake-clock.ts';

const hourMs = 3_600_000;

const wallClocks = [
  { name: 'the wall clock is not set', stepMs: 0 },
  { name: 'the wall clock is set forward an hour between any two readings', stepMs: hourMs },
  { name: 'the wall clock is set back an hour between any two readings', stepMs: -hourMs },
];

/**
 * One test run three times: durations and deadlines must be the same whether the wall clock is set forward, back or not
 * at all.
 * @param body gets what makes the clock
 */
export function testWithEachWallClock(name: string, body: (newClock: () => FakeClock) => void | Promise<void>): void {
  for (const wallClock of wallClocks)
    test(`${name}; ${wallClock.name}`, () => body(() => new FakeClock({ stepMs: wallClock.stepMs })));
}
