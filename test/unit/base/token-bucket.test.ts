import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TokenBucket } from '../../../src/base/token-bucket.ts';
import { FakeClock } from '../operator/fake-clock.ts';

test('a burst goes at once, what comes on top one after the other', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, new FakeClock());
  assert.deepEqual(
    Array.from({ length: 6 }, () => bucket.take()),
    [0, 0, 0, 100, 200, 300],
  );
});

test('a rest fills the bucket, but not beyond the burst', () => {
  const clock = new FakeClock();
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, clock);
  for (let taken = 0; taken < 5; taken++) bucket.take();
  clock.advance(60_000);
  assert.deepEqual(
    Array.from({ length: 4 }, () => bucket.take()),
    [0, 0, 0, 100],
  );
});

test('a token that is given back is the next one’s', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 1 }, new FakeClock());
  bucket.take();
  assert.equal(bucket.take(), 100);
  bucket.giveBack();
  assert.equal(bucket.take(), 100);
});

test('in no stretch of time are more tokens due than the burst and what the rate gives, and they are due in the order of asking', () => {
  const rate = { perSecond: 20, burst: 5 };
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 80 }), (pauses) => {
      const clock = new FakeClock();
      const bucket = new TokenBucket(rate, clock);
      const due = pauses.map((pause) => {
        clock.advance(pause);
        return clock.monotonic() + bucket.take();
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
