import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientRates } from '../../../src/listeners/client-rates.ts';
import { FakeClock } from '../fake-clock.ts';

const rate = { perSecond: 2, burst: 10 };

function setUp(maxClients?: number) {
  const clock = new FakeClock();
  const rates = new ClientRates(rate, clock, maxClients);
  /** @returns the number of requests that are allowed out of this many at once */
  const allowed = (client: string, requests: number) =>
    Array.from({ length: requests }, () => rates.allow(client)).filter((each) => each).length;
  return { clock, rates, allowed };
}

test('a client may send ten requests at once, and two per second from then on', () => {
  const { clock, allowed } = setUp();
  assert.equal(allowed('a', 100), rate.burst);
  clock.advance(1000);
  assert.equal(allowed('a', 100), rate.perSecond);
  clock.advance(60_000);
  assert.equal(allowed('a', 100), rate.burst);
});

test('a busy client does not slow down others', () => {
  const { allowed } = setUp();
  assert.deepEqual([allowed('a', 1000), allowed('b', 10)], [10, 10]);
});

test('a client that keeps sending gets no new burst, and silent ones take no memory', () => {
  const { clock, rates, allowed } = setUp();
  for (let client = 0; client < 1000; client++) rates.allow(`${client}`);
  let total = allowed('a', 10);
  for (let second = 0; second < 60; second++) {
    for (let request = 0; request < 20; request++) total += rates.allow('a') ? 1 : 0;
    clock.advance(1000);
  }
  assert.equal(total, 10 + 59 * 2);
  assert.equal(rates.size, 1);
});

test('the number of clients is bounded: the one that has been silent longest makes room, and busy ones stay limited', () => {
  const { rates, allowed } = setUp(3);
  allowed('busy', 100);
  for (const client of ['a', 'b']) {
    rates.allow(client);
    assert.equal(allowed('busy', 1), 0);
  }
  rates.allow('c');
  assert.equal(rates.size, 3);
  assert.deepEqual([allowed('busy', 1), allowed('a', 100)], [0, rate.burst], 'a was forgotten');
});
