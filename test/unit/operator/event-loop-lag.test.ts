import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { EventLoopLag } from '../../../src/operator/event-loop-lag.ts';

/** Keeps the event loop busy. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('a blocked event loop is seen at once, and by every scraper', () => {
  const lag = new EventLoopLag();
  block(300);
  const seconds = lag.seconds();
  assert.ok(seconds >= 0.24 && seconds < 60, `${seconds} s`);
  assert.ok(lag.seconds() >= seconds);
});

test('a delay that ended before anyone looks is seen', async () => {
  const lag = new EventLoopLag();
  block(300);
  // Timers run in the order in which they are due: the sample that is late first.
  await delay(1);
  const seconds = lag.seconds();
  assert.ok(seconds >= 0.24 && seconds < 60, `${seconds} s`);
  await delay(1);
  assert.ok(lag.seconds() >= seconds);
});
