import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figure } from '../../../bench/figures.ts';
import { capturedGoal, excessGoal, summarize } from '../../../bench/latency-window.ts';

/** What was scraped as this many latencies of so many seconds. */
const scrapedOf = (count: number, seconds: number) => ({ count, sum: count * seconds, buckets: [] });

test('latencies below the wire miss the goal as those far above it do', () => {
  const wire = Array.from({ length: 10 }, () => 75e-6);
  const isGood = (seconds: number) =>
    figure('x', summarize({ scraped: scrapedOf(10, seconds), wire }).excess, 's', excessGoal(25e-6)).ok;
  assert.deepEqual([0, 60e-6, 66e-6, 75e-6, 99e-6, 101e-6].map(isGood), [false, false, true, true, true, false]);
});

test('a capture that lost exchanges, or has some that were not measured, is seen', () => {
  const isGood = (captured: number) => {
    const { capturedShare } = summarize({ scraped: scrapedOf(1000, 1e-4), wire: Array(captured).fill(1e-4) });
    return figure('x', capturedShare, '', capturedGoal(0.01)).ok;
  };
  assert.deepEqual([0, 980, 991, 1000, 1009, 1020].map(isGood), [false, false, true, true, true, false]);
});
