import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addLatencies,
  LatencyBaselines,
  lookupLimits,
  networkLimits,
  type SlowLimits,
} from '../../../../src/operator/judge/latency-baselines.ts';
import { sketchIndex, sketchValue } from '../../../../src/protocol/latency-sketch.ts';

const threshold = 0.01;

/** The first latency that is slow, after periods with these medians. */
function limitAfter(...medians: number[]): number {
  return limitOf(networkLimits(threshold), medians);
}

function limitOf(limits: SlowLimits, medians: readonly number[]): number {
  const baselines = new LatencyBaselines();
  const group = baselines.use('a>b TCP', limits);
  for (const median of medians) {
    addLatencies(group, [[sketchIndex(median), 100]]);
    baselines.update(() => limits, true);
  }
  return sketchValue(group.slowFrom);
}

const isAbout = (actual: number, expected: number) => assert.ok(Math.abs(actual / expected - 1) < 0.2, `${actual}`);

test('the threshold of the spec holds without a median', () => isAbout(limitAfter(), 0.01));

test('ten medians are slow, but never less than a millisecond', () => {
  isAbout(limitAfter(0.0005), 0.005);
  isAbout(limitAfter(60e-6), 0.001);
});

test('a lookup that the server has to forward is not slow because those from its cache are fast', () => {
  isAbout(limitOf(lookupLimits(0.1), [0.0003]), 0.01);
  isAbout(limitOf(lookupLimits(0.1), [0.005]), 0.05);
  isAbout(limitOf(lookupLimits(0.1), [0.02]), 0.1);
  isAbout(limitOf(lookupLimits(0.002), [60e-6]), 0.001);
});

test('above the threshold of the spec only two medians and more are slow', () => {
  isAbout(limitAfter(0.004), 0.01);
  isAbout(limitAfter(0.015), 0.03);
});

test('what has become slow is not normal at once, and is after sixteen periods', () => {
  isAbout(limitAfter(0.0005, 0.05, 0.05), 0.005);
  isAbout(limitAfter(0.0005, ...Array.from({ length: 17 }, () => 0.05)), 0.1);
});

test('groups of servers and zones that are gone are forgotten with their medians, and make room', () => {
  const baselines = new LatencyBaselines();
  const kept = baselines.use('kept', networkLimits(threshold));
  for (let rollout = 0; rollout < 100; rollout++) {
    const groups = Array.from({ length: 50 }, (_, pod) =>
      baselines.use(`@10.1.${rollout}.${pod}:53 UDP`, networkLimits(threshold)),
    );
    for (const group of groups) baselines.release(group);
    for (let period = 0; period < 4; period++) baselines.update(() => networkLimits(threshold), true);
  }
  assert.ok(baselines.size < 400, `${baselines.size}`);
  assert.equal(baselines.use('kept', networkLimits(threshold)), kept);
  for (let period = 0; period < 17; period++) baselines.update(() => networkLimits(threshold), true);
  assert.equal(baselines.size, 1);
});
