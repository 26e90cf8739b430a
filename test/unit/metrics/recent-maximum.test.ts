import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentMaximum } from '../../../src/metrics/recent-maximum.ts';

test('a maximum counts for at least one minute and at most two', () => {
  for (let at = 0; at < 120_000; at += 7001) {
    const maximum = new RecentMaximum();
    maximum.record(3, at);
    maximum.record(1, at);
    assert.equal(maximum.at(at + 59_999), 3);
    assert.equal(maximum.at(at + 120_000), 0);
  }
});

test('a later, smaller value takes over when the larger one is old', () => {
  const maximum = new RecentMaximum();
  maximum.record(3, 0);
  maximum.record(2, 60_000);
  assert.equal(maximum.at(60_000), 3);
  assert.equal(maximum.at(130_000), 2);
});

test('nothing recorded is zero', () => {
  assert.equal(new RecentMaximum().at(1_000_000), 0);
});
