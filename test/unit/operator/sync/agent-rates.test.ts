import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentRates, agentRate } from '../../../../src/operator/sync/agent-rates.ts';
import { FakeClock } from '../../fake-clock.ts';

function setUp() {
  const clock = new FakeClock();
  const rates = new AgentRates(clock);
  /** @returns the number of requests that are allowed out of this many at once */
  const allowed = (pod: string, requests: number) =>
    Array.from({ length: requests }, () => rates.allow(pod)).filter((each) => each).length;
  return { clock, rates, allowed };
}

test('an agent may send ten requests at once, and two per second from then on', () => {
  const { clock, allowed } = setUp();
  assert.equal(allowed('a', 100), agentRate.burst);
  clock.advance(1000);
  assert.equal(allowed('a', 100), agentRate.perSecond);
  clock.advance(60_000);
  assert.equal(allowed('a', 100), agentRate.burst);
});

test('a busy agent does not slow down others', () => {
  const { allowed } = setUp();
  assert.deepEqual([allowed('a', 1000), allowed('b', 10)], [10, 10]);
});

test('an agent that keeps sending gets no new burst, and silent ones take no memory', () => {
  const { clock, rates, allowed } = setUp();
  for (let pod = 0; pod < 1000; pod++) rates.allow(`${pod}`);
  let total = allowed('a', 10);
  for (let second = 0; second < 60; second++) {
    for (let request = 0; request < 20; request++) total += rates.allow('a') ? 1 : 0;
    clock.advance(1000);
  }
  assert.equal(total, 10 + 59 * 2);
  assert.equal(rates.size, 1);
});
