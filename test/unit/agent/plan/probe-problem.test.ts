import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemOf } from '../../../../src/agent/plan/probe-problem.ts';
import type { ProbeResult } from '../../../../src/agent/probes/probe.ts';

const none = { forward: 0, return: 0, unknown: 0 };
const found = (failures: ProbeResult['failures'], losses?: ProbeResult['losses']): ProbeResult => ({
  latencies: [0.001],
  failures,
  retransmits: 0,
  timing: 'kernel',
  ...(losses && { losses }),
});

test('a turn without a failure has no problem, whatever the one before had left open', () => {
  assert.equal(problemOf(found([])), undefined);
  assert.equal(problemOf(found([], { ...none, forward: 2 })), undefined);
});

test('the problem is the first failure, with the ways on which packets are known to have been lost', () => {
  assert.equal(problemOf(found(['timeout', 'refused'])), 'timeout');
  assert.equal(problemOf(found(['lost'], { ...none, unknown: 1 })), 'lost');
  assert.equal(problemOf(found(['lost'], { ...none, forward: 1 })), 'lost (forward)');
  assert.equal(problemOf(found(['lost', 'lost'], { ...none, forward: 1, return: 1 })), 'lost (forward, return)');
  assert.equal(problemOf(found(['refused'], { ...none, return: 1 })), 'refused');
});
