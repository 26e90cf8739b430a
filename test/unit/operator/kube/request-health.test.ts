import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestHealth } from '../../../../src/operator/kube/request-health.ts';
import { FakeClock } from '../../fake-clock.ts';

test('it is an outage once no request has been answered for ten seconds, until one is', () => {
  const clock = new FakeClock();
  const health = new RequestHealth(clock);
  health.unanswered('timeout after 4500 ms');
  clock.advance(9000);
  health.unanswered('timeout after 4500 ms');
  assert.equal(health.obstacle, undefined);
  clock.advance(1000);
  assert.equal(health.obstacle, 'no request to the API server has been answered for 10 seconds: timeout after 4500 ms');
  health.answered();
  assert.equal(health.obstacle, undefined);
});

test('one failure is no outage if no request followed it', () => {
  const clock = new FakeClock();
  const health = new RequestHealth(clock);
  health.unanswered('connection reset');
  clock.advance(61_000);
  assert.equal(health.obstacle, undefined);
  health.unanswered('connection reset');
  clock.advance(5000);
  assert.equal(health.obstacle, undefined, 'the time without requests does not count');
});
