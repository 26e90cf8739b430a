import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maxStreams } from '../../../../src/operator/judge/stream-budget.ts';
import { type Counts, counters, StreamCounts } from '../../../../src/operator/judge/stream-counts.ts';

const horizons = { whole: 120_000, half: 60_000, now: 30_000 };
const none = Object.fromEntries(counters.map((counter) => [counter, 0])) as Counts;
const attempts = (count: number): Counts => ({ ...none, attempts: count });

function sums(counts: StreamCounts, stream: number): [whole: number, half: number, now: number] {
  const at = (horizon: 'whole' | 'half' | 'now') => counts.sums('attempts', horizon)[stream]!;
  return [at('whole'), at('half'), at('now')];
}

test('adds to all horizons, and subtracts from each what leaves it', () => {
  const counts = new StreamCounts(horizons, 0);
  const stream = counts.allocate();
  counts.add(stream, attempts(3));
  assert.deepEqual(sums(counts, stream), [3, 3, 3]);
  counts.advance(29_999);
  assert.deepEqual(sums(counts, stream), [3, 3, 3]);
  counts.advance(30_000);
  assert.deepEqual(sums(counts, stream), [3, 3, 0]);
  counts.add(stream, attempts(2));
  counts.advance(60_000);
  assert.deepEqual(sums(counts, stream), [5, 2, 0]);
  counts.advance(120_000);
  assert.deepEqual(sums(counts, stream), [2, 0, 0]);
});

test('forgets everything after a pause longer than the window', () => {
  const counts = new StreamCounts(horizons, 0);
  const stream = counts.allocate();
  counts.add(stream, attempts(3));
  counts.advance(10_000_000);
  assert.deepEqual(sums(counts, stream), [0, 0, 0]);
  counts.add(stream, attempts(1));
  assert.deepEqual(sums(counts, stream), [1, 1, 1]);
});

test('cuts counts that do not fit, and stays consistent', () => {
  const counts = new StreamCounts(horizons, 0);
  const stream = counts.allocate();
  for (let time = 0; time < 3; time++) counts.add(stream, attempts(200));
  assert.deepEqual(sums(counts, stream), [255, 255, 255]);
  counts.advance(120_000);
  assert.deepEqual(sums(counts, stream), [0, 0, 0]);
});

test('uses the number of a released stream again, without its past', () => {
  const counts = new StreamCounts(horizons, 0);
  const first = counts.allocate();
  counts.add(first, attempts(3));
  counts.release(first);
  const second = counts.allocate();
  assert.equal(second, first);
  assert.deepEqual(sums(counts, second), [0, 0, 0]);
  assert.equal(counts.size, 1);
});

test('grows, and keeps what there is', () => {
  const counts = new StreamCounts(horizons, 0);
  const streams = Array.from({ length: 5000 }, () => counts.allocate());
  for (const stream of streams) counts.add(stream, attempts((stream % 7) + 1));
  counts.advance(30_000);
  const more = Array.from({ length: 20_000 }, () => counts.allocate());
  for (const stream of streams) assert.deepEqual(sums(counts, stream), [(stream % 7) + 1, (stream % 7) + 1, 0]);
  assert.deepEqual(sums(counts, more.at(-1)!), [0, 0, 0]);
});

test('knows the slots of the window, and whether anything is in it', () => {
  const counts = new StreamCounts(horizons, 0);
  const stream = counts.allocate();
  const other = counts.allocate();
  assert.equal(counts.has('failed'), false);
  counts.add(stream, { ...attempts(3), failed: 2 });
  counts.advance(10_000);
  counts.add(stream, { ...attempts(1), failed: 1 });
  counts.add(other, { ...attempts(1), failed: 1 });
  assert.deepEqual(
    [0, 1, 2, 3].map((age) => counts.slot('failed', age)[stream]),
    [1, 0, 2, 0],
  );
  counts.release(other);
  counts.advance(120_000);
  assert.equal(counts.has('failed'), true);
  counts.advance(130_000);
  assert.equal(counts.has('failed'), false);
  assert.equal(counts.has('attempts'), false);
});

test('so many streams as there can be are all counted', () => {
  const counts = new StreamCounts(horizons, 0);
  for (let stream = 0; stream < maxStreams; stream++) {
    assert.equal(counts.allocate(), stream);
    counts.add(stream, attempts(1));
  }
  const sums = counts.sums('attempts', 'whole');
  assert.ok(sums.length >= maxStreams && sums.length < 1.3 * maxStreams, `${sums.length}`);
  assert.ok(sums.subarray(0, maxStreams).every((sum) => sum === 1));
});
