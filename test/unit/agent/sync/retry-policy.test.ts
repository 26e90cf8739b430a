import assert from 'node:assert/strict';
import { test } from 'node:test';
import { longestMs, RetryPolicy, shortestMs, spreadMs } from '../../../../src/agent/sync/retry-policy.ts';
import { SyncError, type SyncFailure } from '../../../../src/agent/sync/sync-error.ts';

const failure = (code: SyncFailure = 'unreachable', retryAfterMs?: number) => new SyncError(code, '', retryAfterMs);
/** Both ends of what chance may bring. */
const ends = (ask: (policy: RetryPolicy) => number) => [0, 1].map((chance) => ask(new RetryPolicy(() => chance)));

test('after news, and after a hold, the operator is asked at once', () => {
  const policy = new RetryPolicy(() => 0.5);
  assert.equal(policy.answered(true, 200), 0);
  assert.equal(policy.answered(false, 15_000), 0);
});

test('news all the time are taken ten times a second at most', () => {
  const policy = new RetryPolicy(() => 0.5);
  assert.equal(policy.answered(true, 1), 99);
});

test('an operator that holds nothing and brings nothing is asked less and less often, until it does one or the other', () => {
  const policy = new RetryPolicy(() => 1);
  const delays = Array.from({ length: 10 }, () => policy.answered(false, 1));
  assert.deepEqual(delays, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000]);
  assert.equal(policy.answered(true, 1), 99);
  assert.equal(policy.answered(false, 1), 100);
  assert.equal(policy.answered(false, 1000), 0);
  assert.equal(policy.answered(false, 1), 100);
});

test('agents that lose the operator together come back spread over two seconds', () => {
  assert.deepEqual(
    ends((policy) => policy.failed(failure())),
    [0, spreadMs],
  );
  const delays = Array.from({ length: 1000 }, () => new RetryPolicy(Math.random).failed(failure()));
  const thirds = [0, 1, 2].map(
    (third) => delays.filter((delay) => Math.floor((delay * 3) / spreadMs) === third).length,
  );
  for (const count of thirds) assert.ok(count > 200, `${thirds}`);
});

test('tries that fail come less and less often, up to five seconds, each drawn from the upper half', () => {
  const shortest = new RetryPolicy(() => 0);
  const longest = new RetryPolicy(() => 1);
  for (const policy of [shortest, longest]) policy.failed(failure());
  const next = (policy: RetryPolicy) => Array.from({ length: 8 }, () => policy.failed(failure('timeout')));
  assert.deepEqual(next(longest), [shortestMs, 200, 400, 800, 1600, 3200, longestMs, longestMs]);
  assert.deepEqual(next(shortest), [50, 100, 200, 400, 800, 1600, 2500, 2500]);
});

test('an answer ends that', () => {
  const policy = new RetryPolicy(() => 1);
  for (let times = 0; times < 20; times++) policy.failed(failure());
  policy.answered(false, 15_000);
  assert.equal(policy.failed(failure()), spreadMs);
});

test('an operator that does not lead is left soon for the one that does, spread too, however long it asks for', () => {
  for (const seconds of [0, 1, 3600]) {
    const [least, most] = ends((policy) => policy.failed(failure('unavailable', seconds * 1000))) as [number, number];
    assert.equal(least, 0);
    assert.ok(most >= spreadMs && most <= longestMs, `${most}`);
    const policy = new RetryPolicy(() => 1);
    for (let times = 0; times < 5; times++)
      assert.ok(policy.failed(failure('unavailable', seconds * 1000)) <= longestMs);
  }
});

test('an operator that is there and answers nobody for long is asked less and less often, up to once a minute', () => {
  const policy = new RetryPolicy(() => 1);
  // Not for the time in which nobody was there.
  for (let times = 0; times < 20; times++) policy.failed(failure());
  const delays = Array.from({ length: 12 }, () => policy.failed(failure('unavailable', 1000)));
  assert.deepEqual(
    delays.slice(0, 5),
    Array.from({ length: 5 }, () => spreadMs),
  );
  assert.deepEqual(delays.slice(5), [4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  policy.answered(false, 15_000);
  assert.equal(policy.failed(failure('unavailable', 1000)), spreadMs);
});

test('who wants to be asked less often is, up to a minute or two', () => {
  assert.deepEqual(
    ends((policy) => policy.failed(failure('refused', 10_000))),
    [10_000, 20_000],
  );
  assert.deepEqual(
    ends((policy) => policy.failed(failure('refused', 10 ** 9))),
    [60_000, 120_000],
  );
  assert.ok(ends((policy) => policy.failed(failure('refused', 0))).every((delay) => delay >= shortestMs / 2));
});
