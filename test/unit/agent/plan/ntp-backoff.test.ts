import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NtpBackoff } from '../../../../src/agent/plan/ntp-backoff.ts';
import type { ProbeResult } from '../../../../src/agent/probes/probe.ts';
import type { KissCode } from '../../../../src/contract/kiss-codes.ts';
import { FakeClock } from '../../fake-clock.ts';
import { networkTarget, ntpTarget } from '../target-builder.ts';

const answer: ProbeResult = { latencies: [0.001], failures: [], retransmits: 0, timing: 'kernel' };
const kissed = (kiss: KissCode): ProbeResult => ({ ...answer, latencies: [], failures: ['kiss_of_death'], kiss });

/** Takes a turn every interval and asks where it may: `minutes` turns of a target with an interval of one minute. */
async function turns(minutes: number, replies: (ask: number) => ProbeResult) {
  const clock = new FakeClock();
  const backoff = new NtpBackoff(clock);
  const target = ntpTarget('10.0.0.123');
  backoff.plan([target]);
  const asked: number[] = [];
  const failed: number[] = [];
  for (let minute = 0; minute < minutes; minute++) {
    const instead = backoff.resultWhileBackingOff(target);
    if (!instead) {
      backoff.record(target, replies(asked.length));
      asked.push(minute);
    } else if (instead.failures.length > 0) failed.push(minute);
    await clock.advanceAsync(60_000);
  }
  return { asked, failed };
}

const none: number[] = [];
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

test('a server that says nothing against it is asked in every turn', async () => {
  assert.deepEqual(await turns(5, () => answer), { asked: range(0, 5), failed: none });
  assert.deepEqual(await turns(5, () => kissed('other')), { asked: range(0, 5), failed: none });
});

test('RATE halves the requests from then on, again with each further one, and no turn left out is a failure', async () => {
  const { asked, failed } = await turns(20, (ask) => (ask === 1 || ask === 3 ? kissed('RATE') : answer));
  assert.deepEqual(asked, [0, 1, 3, 5, 9, 13, 17]);
  assert.deepEqual(failed, none);
});

test('RATE again and again puts a request off by an hour, no longer', async () => {
  const { asked } = await turns(400, () => kissed('RATE'));
  assert.deepEqual(asked.slice(0, 6), [0, 2, 6, 14, 30, 62]);
  assert.deepEqual(asked.slice(6), [122, 182, 242, 302, 362]);
});

for (const code of ['DENY', 'RSTR'] as const)
  test(`${code} keeps the server from being asked for an hour, all of whose turns are failures`, async () => {
    const { asked, failed } = await turns(64, (ask) => (ask === 1 ? kissed(code) : answer));
    assert.deepEqual(asked, [0, 1, 61, 62, 63]);
    assert.deepEqual(failed, range(2, 61));
  });

test('what one server says concerns no other target, and is forgotten with the server', () => {
  const clock = new FakeClock();
  const backoff = new NtpBackoff(clock);
  const [denying, other] = [ntpTarget('10.0.0.1'), ntpTarget('10.0.0.2')];
  const peer = networkTarget('10.0.0.1');
  backoff.plan([denying, other, peer]);
  backoff.record(denying, kissed('DENY'));
  assert.deepEqual(backoff.resultWhileBackingOff(denying)?.failures, ['kiss_of_death']);
  for (const target of [other, peer]) assert.equal(backoff.resultWhileBackingOff(target), undefined);
  backoff.plan([denying, other]);
  assert.ok(backoff.resultWhileBackingOff(denying), 'a new plan with the server in it changes nothing');
  backoff.plan([other]);
  backoff.plan([denying, other]);
  assert.equal(backoff.resultWhileBackingOff(denying), undefined);
});
