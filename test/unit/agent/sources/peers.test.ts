import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AddressAnswers } from '../../../../src/agent/probes/peer-lookup.ts';
import { Peers, peerLookupPeriodMs } from '../../../../src/agent/sources/peers.ts';
import { FakeClock } from '../../fake-clock.ts';

const name = 'default-agent-peers.monitoring.svc.cluster.local.';
const none: AddressAnswers = { A: [], AAAA: [] };
const silence: AddressAnswers = { A: undefined, AAAA: undefined };

/** Peers whose DNS server answers what `answers` holds at the time. */
function setUp(first: AddressAnswers) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const outcomes: boolean[] = [];
  const state = { answers: first, changes: 0 };
  const peers = new Peers(
    async (question) => {
      asked.push(question);
      return state.answers;
    },
    clock,
    { changed: () => state.changes++, lookedUp: (answered) => outcomes.push(answered) },
  );
  return { clock, peers, asked, outcomes, state };
}

test('the Service is looked up at once and then again and again', async () => {
  const { clock, peers, asked, state } = setUp({ A: ['10.0.0.2', '10.0.0.1'], AAAA: ['fd00::1'] });
  peers.follow(name);
  await clock.advanceAsync(0);
  assert.deepEqual(peers.addresses, ['10.0.0.1', '10.0.0.2', 'fd00::1']);
  await clock.advanceAsync(3 * peerLookupPeriodMs);
  assert.deepEqual(asked, [name, name, name, name]);
  assert.equal(state.changes, 1, 'the same addresses again are no change');
});

test('an agent that goes leaves with the next answer', async () => {
  const { clock, peers, state } = setUp({ A: ['10.0.0.1', '10.0.0.2'], AAAA: [] });
  peers.follow(name);
  await clock.advanceAsync(0);
  state.answers = { A: ['10.0.0.2'], AAAA: [] };
  await clock.advanceAsync(peerLookupPeriodMs);
  assert.deepEqual(peers.addresses, ['10.0.0.2']);
  assert.equal(state.changes, 2);
});

test('a server that gives no answer takes nothing away, one that says there are none does', async () => {
  const { clock, peers, state, outcomes } = setUp({ A: ['10.0.0.1'], AAAA: ['fd00::1'] });
  peers.follow(name);
  await clock.advanceAsync(0);
  state.answers = silence;
  await clock.advanceAsync(10 * peerLookupPeriodMs);
  assert.deepEqual(peers.addresses, ['10.0.0.1', 'fd00::1']);
  state.answers = { A: [], AAAA: undefined };
  await clock.advanceAsync(peerLookupPeriodMs);
  assert.deepEqual(peers.addresses, ['fd00::1'], 'each address family for itself');
  state.answers = none;
  await clock.advanceAsync(peerLookupPeriodMs);
  assert.deepEqual(peers.addresses, []);
  assert.deepEqual(outcomes.slice(-3), [false, false, true]);
  assert.equal(outcomes[0], true);
});

test('what is cached counts until the server answers', async () => {
  const { clock, peers, state } = setUp(silence);
  peers.follow(name, () => ['10.0.0.9', 'fd00::9']);
  assert.deepEqual(peers.addresses, ['10.0.0.9', 'fd00::9']);
  await clock.advanceAsync(peerLookupPeriodMs);
  assert.deepEqual(peers.addresses, ['10.0.0.9', 'fd00::9']);
  assert.equal(state.changes, 0);
  state.answers = { A: ['10.0.0.1'], AAAA: [] };
  await clock.advanceAsync(peerLookupPeriodMs);
  assert.deepEqual(peers.addresses, ['10.0.0.1']);
});

test('following the same Service again asks no more often and forgets nothing', async () => {
  const { clock, peers, asked } = setUp({ A: ['10.0.0.1'], AAAA: [] });
  peers.follow(name);
  await clock.advanceAsync(0);
  peers.follow(name, () => ['10.0.0.9']);
  await clock.advanceAsync(0);
  assert.deepEqual(peers.addresses, ['10.0.0.1']);
  assert.equal(asked.length, 1);
});

test('an answer for a Service that is no longer followed is dropped', async () => {
  const clock = new FakeClock();
  const pending: ((answers: AddressAnswers) => void)[] = [];
  let changes = 0;
  const peers = new Peers(() => new Promise((resolve) => pending.push(resolve)), clock, {
    changed: () => changes++,
    lookedUp: () => {},
  });
  peers.follow('a.');
  peers.follow('b.');
  pending[0]!({ A: ['10.0.0.1'], AAAA: [] });
  await clock.advanceAsync(10 * peerLookupPeriodMs);
  assert.deepEqual(peers.addresses, []);
  pending[1]!({ A: ['10.0.0.2'], AAAA: [] });
  await clock.advanceAsync(0);
  assert.deepEqual(peers.addresses, ['10.0.0.2']);
  assert.equal(changes, 1);
  peers.follow(undefined);
  assert.deepEqual(peers.addresses, []);
  assert.equal(clock.pending, 0, 'no timer is left');
});
