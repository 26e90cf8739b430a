import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assignmentTimeoutMs, FallbackPeers } from '../../../../src/agent/sources/fallback-peers.ts';
import { peerLookupPeriodMs } from '../../../../src/agent/sources/peers.ts';
import { FakeClock } from '../../fake-clock.ts';

function setUp() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const happened: string[] = [];
  const peers = new FallbackPeers(
    async (name) => {
      asked.push(name);
      return { A: ['10.0.0.1'], AAAA: [] };
    },
    clock,
    {
      changed: () => happened.push('changed'),
      lookedUp: () => {},
      timedOut: () => happened.push('gave up'),
    },
  );
  const service = (name: string, cached: string[] = []) => ({ name, cached: () => cached });
  return { clock, asked, happened, peers, service };
}

test('where nobody assigns, the Service is looked up at once', async () => {
  const { clock, peers, asked, happened, service } = setUp();
  peers.update(service('a.'), 'never');
  await clock.advanceAsync(0);
  assert.deepEqual([asked, peers.addresses, happened], [['a.'], ['10.0.0.1'], ['changed']]);
});

test('an assignment is waited for ten seconds, once, whatever else changes; then the Service stands in, with what is cached of it', async () => {
  const { clock, peers, asked, happened, service } = setUp();
  peers.update(undefined, 'expected');
  await clock.advanceAsync(assignmentTimeoutMs / 2);
  peers.update(service('a.', ['10.0.0.7']), 'expected');
  await clock.advanceAsync(assignmentTimeoutMs / 2 - 1);
  assert.deepEqual([asked, peers.addresses, happened], [[], [], []]);
  await clock.advanceAsync(1);
  assert.deepEqual([asked, happened], [['a.'], ['gave up', 'changed']]);
  assert.deepEqual(peers.addresses, ['10.0.0.1']);
});

test('what is cached counts from the moment when an assignment is given up', async () => {
  const clock = new FakeClock();
  const seen: (readonly string[])[] = [];
  const peers = new FallbackPeers(async () => ({ A: undefined, AAAA: undefined }), clock, {
    changed: () => {},
    lookedUp: () => {},
    timedOut: () => seen.push(peers.addresses),
  });
  peers.update({ name: 'a.', cached: () => ['10.0.0.7'] }, 'expected');
  await clock.advanceAsync(assignmentTimeoutMs);
  assert.deepEqual(seen, [['10.0.0.7']]);
});

test('an assignment ends the lookups, and none is made while there is one', async () => {
  const { clock, peers, asked, service } = setUp();
  peers.update(service('a.'), 'expected');
  await clock.advanceAsync(assignmentTimeoutMs + 2 * peerLookupPeriodMs);
  const before = asked.length;
  assert.ok(before >= 2);
  peers.update(service('a.'), 'assigned');
  assert.deepEqual(peers.addresses, []);
  await clock.advanceAsync(100 * peerLookupPeriodMs);
  assert.equal(asked.length, before);
  assert.equal(clock.pending, 0);
});

test('an assignment that comes in time, none being looked up before, costs no lookup', async () => {
  const { clock, peers, asked, service } = setUp();
  peers.update(service('a.'), 'expected');
  await clock.advanceAsync(assignmentTimeoutMs - 1);
  peers.update(service('a.'), 'assigned');
  await clock.advanceAsync(assignmentTimeoutMs);
  assert.deepEqual(asked, []);
});

test('when an assignment is lost the next one is waited for anew', async () => {
  const { clock, peers, asked, service } = setUp();
  peers.update(service('a.'), 'assigned');
  peers.update(service('b.'), 'expected');
  await clock.advanceAsync(assignmentTimeoutMs - 1);
  assert.deepEqual(asked, []);
  await clock.advanceAsync(1);
  assert.deepEqual(asked, ['b.']);
});

test('an operator that begins to assign takes nothing away until it has assigned', async () => {
  const { clock, peers, asked, service } = setUp();
  peers.update(service('a.'), 'never');
  await clock.advanceAsync(0);
  peers.update(service('a.'), 'expected');
  assert.deepEqual(peers.addresses, ['10.0.0.1']);
  await clock.advanceAsync(2 * peerLookupPeriodMs);
  assert.equal(asked.length, 3);
});

test('where no peers are to be probed nothing is looked up', async () => {
  const { clock, peers, asked } = setUp();
  peers.update(undefined, 'never');
  peers.update(undefined, 'expected');
  await clock.advanceAsync(10 * assignmentTimeoutMs);
  assert.deepEqual(asked, []);
});

test('a stop ends lookups and waiting', async () => {
  for (const state of ['never', 'expected'] as const) {
    const { clock, peers, service } = setUp();
    peers.update(service('a.'), state);
    await clock.advanceAsync(0);
    assert.equal(clock.pending, 1);
    peers.stop();
    assert.equal(clock.pending, 0);
  }
});
