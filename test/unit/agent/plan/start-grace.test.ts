import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartGrace } from '../../../../src/agent/plan/start-grace.ts';
import type { ProbeResult } from '../../../../src/agent/probes/probe.ts';
import { FakeClock } from '../../fake-clock.ts';
import { dnsTarget, echoTarget, networkTarget } from '../target-builder.ts';

const peer = networkTarget('10.0.0.2');
const failed = (...failures: ProbeResult['failures']): ProbeResult => ({
  latencies: [],
  failures,
  retransmits: 0,
  timing: 'kernel',
});
const answered: ProbeResult = { latencies: [0.0001], failures: [], retransmits: 0, timing: 'kernel' };

function planned(): { grace: StartGrace; clock: FakeClock } {
  const clock = new FakeClock();
  const grace = new StartGrace(clock);
  grace.plan([peer]);
  return { grace, clock };
}

test('a new peer that refuses has not started yet', async () => {
  const { grace, clock } = planned();
  assert.equal(grace.excuses(peer, failed('refused')), true);
  await clock.advanceAsync(59_999);
  assert.equal(grace.excuses(peer, failed('refused')), true);
});

test('a peer that still refuses after a minute is at fault', async () => {
  const { grace, clock } = planned();
  await clock.advanceAsync(60_000);
  assert.equal(grace.excuses(peer, failed('refused')), false);
});

test('a peer that has answered once and then refuses is at fault', () => {
  const { grace } = planned();
  assert.equal(grace.excuses(peer, answered), false);
  assert.equal(grace.excuses(peer, failed('refused')), false);
});

test('silence, a reset and an unreachable host are faults once packets should find a new address', async () => {
  const { grace, clock } = planned();
  for (const reason of ['timeout', 'reset', 'unreachable'] as const)
    assert.equal(grace.excuses(peer, failed(reason)), true, reason);
  await clock.advanceAsync(15_000);
  for (const reason of ['timeout', 'reset', 'unreachable'] as const)
    assert.equal(grace.excuses(peer, failed(reason)), false, reason);
  assert.equal(grace.excuses(peer, failed('refused', 'timeout')), false);
});

test('the first echoes to a new peer may be lost for as long as its dials may be silent', async () => {
  const clock = new FakeClock();
  const grace = new StartGrace(clock);
  const target = echoTarget('10.0.0.2');
  grace.plan([peer, target]);
  const lost = { ...failed('lost', 'lost', 'lost'), losses: { forward: 0, return: 0, unknown: 3 } };
  assert.equal(grace.excuses(peer, answered), false);
  assert.equal(grace.excuses(target, lost), true, 'the dials of the same peer say nothing about its echoes');
  await clock.advanceAsync(14_999);
  assert.equal(grace.excuses(target, lost), true);
  await clock.advanceAsync(1);
  assert.equal(grace.excuses(target, lost), false);
  assert.equal(grace.excuses(target, { ...answered, failures: ['lost'] }), false);
  assert.equal(grace.excuses(target, failed('refused')), false, 'it has answered');
});

test('a peer that has answered once and falls silent is at fault at once', () => {
  const { grace } = planned();
  assert.equal(grace.excuses(peer, answered), false);
  assert.equal(grace.excuses(peer, failed('timeout')), false);
});

test('planning a target again does not begin its grace anew; a target that went and came back is new', async () => {
  const { grace, clock } = planned();
  await clock.advanceAsync(30_000);
  grace.plan([peer, networkTarget('10.0.0.3')]);
  await clock.advanceAsync(30_000);
  assert.equal(grace.excuses(peer, failed('refused')), false);
  grace.plan([]);
  grace.plan([peer]);
  assert.equal(grace.excuses(peer, failed('refused')), true);
});

test('a DNS server is excused until it first answers, whatever is looked up there, from the start of the agent', async () => {
  const { grace, clock } = planned();
  const [first, second] = [dnsTarget('example.com.'), dnsTarget('example.org.')];
  grace.plan([peer, first, second]);
  for (const reason of ['timeout', 'unreachable', 'reset', 'refused'] as const)
    assert.equal(grace.excuses(first, failed(reason)), true, reason);
  await clock.advanceAsync(15_000);
  assert.equal(grace.excuses(first, failed('timeout')), false);
  assert.equal(grace.excuses(first, failed('refused')), true);
  assert.equal(grace.excuses(second, failed('nxdomain')), false, 'an answer');
  assert.equal(grace.excuses(first, failed('refused')), false, 'the server has answered');
});

test('a failure that is an answer of a DNS server always counts', () => {
  for (const reason of ['nxdomain', 'servfail', 'rcode', 'nodata', 'truncated', 'malformed'] as const) {
    const { grace } = planned();
    const target = dnsTarget('example.com.');
    grace.plan([target]);
    assert.equal(grace.excuses(target, failed(reason)), false, reason);
    assert.equal(grace.excuses(target, failed('timeout')), false, 'it has answered');
  }
});

test('a DNS server that an agent learns of later than a minute after its start is at fault at once', async () => {
  const { grace, clock } = planned();
  await clock.advanceAsync(60_000);
  const target = dnsTarget('example.com.');
  grace.plan([peer, target]);
  assert.equal(grace.excuses(target, failed('refused')), false);
});

test('a peer whose answers are of an older version has answered', () => {
  const clock = new FakeClock();
  const grace = new StartGrace(clock);
  const target = echoTarget('10.0.0.2');
  grace.plan([target]);
  assert.equal(grace.excuses(target, { ...failed(), skipped: 'version' }), false);
  assert.equal(grace.excuses(target, failed('lost')), false);
});
