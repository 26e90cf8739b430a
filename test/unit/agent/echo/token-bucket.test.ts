import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBucket } from '../../../../src/agent/echo/token-bucket.ts';
import { ManualClock } from '../manual-clock.ts';

test('after a rest as many as the burst are let through at once, and then as many as time gives', () => {
  const clock = new ManualClock();
  const bucket = new TokenBucket(100, 5, clock);
  const taken = () => Array.from({ length: 20 }, () => bucket.take()).filter(Boolean).length;
  assert.equal(taken(), 5);
  clock.stall(30);
  assert.equal(taken(), 3);
  clock.stall(60_000);
  assert.equal(taken(), 5);
});

test('in no time are more let through than the burst and what the rate gives', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 200 }), (pauses) => {
      const clock = new ManualClock();
      const bucket = new TokenBucket(100, 5, clock);
      let taken = 0;
      for (const pause of pauses) {
        clock.stall(pause);
        if (bucket.take()) taken++;
        assert.ok(taken <= 5 + clock.now() / 10 + 1e-6, `${taken} after ${clock.now()} ms`);
      }
    }),
  );
});
