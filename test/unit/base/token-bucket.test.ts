import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TokenBucket } from '../../../src/base/token-bucket.ts';
import { testWithEachWallClock as test } from '../wall-clocks.ts';

test('a burst goes at once, what comes on top one after the other', (newClock) => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, newClock());
  assert.deepEqual(
    Array.from({ length: 6 }, () => bucket.reserve()),
    [0, 0, 0, 100, 200, 300],
  );
});

test('a rest fills the bucket, but not beyond the burst', (newClock) => {
  const clock = newClock();
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, clock);
  for (let taken = 0; taken < 5; taken++) bucket.reserve();
  clock.advance(60_000);
  assert.deepEqual(
    Array.from({ length: 4 }, () => bucket.reserve()),
    [0, 0, 0, 100],
  );
});

test('a token that is given back is the next one’s', (newClock) => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 1 }, newClock());
  bucket.reserve();
  assert.equal(bucket.reserve(), 100);
  bucket.giveBack();
  assert.equal(bucket.reserve(), 100);
});

test('in no stretch of time are more tokens due than the burst and what the rate gives, and they are due in the order of asking', (newClock) => {
  const rate = { perSecond: 20, burst: 5 };
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 80 }), (pauses) => {
      const clock = newClock();
      const bucket = new TokenBucket(rate, clock);
      const due = pauses.map((pause) => {
        clock.advance(pause);
        return clock.monotonic() + bucket.reserve();
      });
      for (const [first, from] of due.entries())
        for (const [last, until] of due.entries())
          if (last > first) {
            assert.ok(until >= from);
            const most = rate.burst + ((until - from) / 1000) * rate.perSecond;
            assert.ok(last - first + 1 <= most + 1 + 1e-6, `${last - first + 1} within ${until - from} ms`);
          }
    }),
  );
});

test('after a rest as many as the burst are allowed at once, and then as many as the rate gives', (newClock) => {
  const clock = newClock();
  const bucket = new TokenBucket({ perSecond: 100, burst: 5 }, clock);
  const allowed = () => Array.from({ length: 20 }, () => bucket.allow()).filter(Boolean).length;
  assert.equal(allowed(), 5);
  clock.advance(30);
  assert.equal(allowed(), 3);
  clock.advance(60_000);
  assert.equal(allowed(), 5);
});

test('in no time are more allowed than the burst and what the rate gives', (newClock) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 200 }), (pauses) => {
      const clock = newClock();
      const bucket = new TokenBucket({ perSecond: 100, burst: 5 }, clock);
      let allowed = 0;
      for (const pause of pauses) {
        clock.advance(pause);
        if (bucket.allow()) allowed++;
        assert.ok(allowed <= 5 + clock.monotonic() / 10, `${allowed} after ${clock.monotonic()} ms`);
      }
    }),
  );
});

test('one in five minutes is allowed after five minutes, not a millisecond earlier and not later', (newClock) => {
  const clock = newClock();
  const bucket = new TokenBucket({ perSecond: 1 / 300, burst: 1 }, clock);
  for (let turn = 0; turn < 1000; turn++) {
    assert.equal(bucket.allow(), true);
    clock.advance(299_999);
    assert.equal(bucket.allow(), false);
    clock.advance(1);
  }
});
