import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemOf, TargetStateLog } from '../../../../src/agent/plan/target-state-log.ts';
import type { ProbeResult } from '../../../../src/agent/probes/probe.ts';
import { FakeClock } from '../../fake-clock.ts';
import { dnsTarget, networkTarget } from '../target-builder.ts';

function setUp() {
  const lines: string[] = [];
  const clock = new FakeClock();
  const states = new TargetStateLog(
    (level, msg, fields) => lines.push(`${level} ${msg} ${fields?.host} ${fields?.reason}`),
    clock,
  );
  return { lines, clock, states };
}

test('a target that is well is not written about', () => {
  const { lines, states } = setUp();
  for (let n = 0; n < 10; n++) states.record(networkTarget('10.0.0.1'), undefined);
  assert.deepEqual(lines, []);
});

test('a failure that lasts is one line, its end another', async () => {
  const { lines, states, clock } = setUp();
  for (let n = 0; n < 60; n++) {
    states.record(networkTarget('10.0.0.1'), 'timeout');
    await clock.advanceAsync(10_000);
  }
  for (let n = 0; n < 60; n++) {
    states.record(networkTarget('10.0.0.1'), undefined);
    await clock.advanceAsync(10_000);
  }
  assert.deepEqual(lines, [
    'warn target is failing 10.0.0.1:8000 timeout',
    'info target recovered 10.0.0.1:8000 undefined',
  ]);
});

test('a target that comes and goes is written about at most once a minute, and the last line is true in the end', async () => {
  const { lines, states, clock } = setUp();
  for (let n = 0; n < 600; n++) {
    states.record(dnsTarget('a.'), n % 2 === 0 ? 'timeout' : undefined);
    await clock.advanceAsync(1000);
  }
  assert.ok(lines.length >= 2 && lines.length <= 11, `${lines.length} lines in ten minutes`);
  await clock.advanceAsync(60_000);
  states.record(dnsTarget('a.'), 'servfail');
  assert.equal(lines.at(-1), 'warn target is failing a. servfail');
});

test('targets do not stand in for each other, and those that left are forgotten', () => {
  const { lines, states } = setUp();
  const [a, b] = [networkTarget('10.0.0.1'), networkTarget('10.0.0.2')];
  states.record(a, 'timeout');
  states.record(b, 'refused');
  states.keep([b]);
  states.record(a, 'timeout');
  states.record(b, 'refused');
  assert.deepEqual(lines, [
    'warn target is failing 10.0.0.1:8000 timeout',
    'warn target is failing 10.0.0.2:8000 refused',
    'warn target is failing 10.0.0.1:8000 timeout',
  ]);
});

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
