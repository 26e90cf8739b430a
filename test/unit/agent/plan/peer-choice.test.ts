import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { choosePeers } from '../../../../src/agent/plan/peer-choice.ts';

const addresses = fc.uniqueArray(fc.ipV4(), { maxLength: 60 });

/** Addresses of agents in a cluster of this size. */
const fleet = (size: number) => Array.from({ length: size }, (_, n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);

test('an agent that knows at most k others probes them all', () => {
  assert.deepEqual(
    choosePeers(fleet(11), ['10.0.0.3'], 'node-d', 10).sort(),
    fleet(11)
      .filter((ip) => ip !== '10.0.0.3')
      .sort(),
  );
});

test('never itself, never one twice, never more than k', () => {
  fc.assert(
    fc.property(addresses, fc.integer({ min: 0, max: 20 }), fc.nat(), (all, count, pick) => {
      const own = all.length > 0 ? [all[pick % all.length]!] : [];
      const chosen = choosePeers([...all, ...all], own, 'node-a', count);
      assert.equal(chosen.length, Math.min(count, all.length - own.length));
      assert.equal(new Set(chosen).size, chosen.length);
      assert.ok(chosen.every((address) => all.includes(address) && !own.includes(address)));
    }),
  );
});

test('the order in which the DNS server lists addresses does not matter', () => {
  fc.assert(
    fc.property(addresses, (all) => {
      assert.deepEqual(choosePeers(all.toReversed(), [], 'node-a', 10), choosePeers(all, [], 'node-a', 10));
    }),
  );
});

test('one that comes or goes moves at most one place of a choice', () => {
  fc.assert(
    fc.property(addresses, fc.ipV4(), (all, newcomer) => {
      const before = choosePeers(all, [], 'node-a', 10);
      const after = choosePeers([...all, newcomer], [], 'node-a', 10);
      assert.ok(before.filter((address) => !after.includes(address)).length <= 1);
      assert.ok(after.filter((address) => !before.includes(address)).every((address) => address === newcomer));
    }),
  );
});

test('in a large cluster every agent is probed by about k others', () => {
  const all = fleet(500);
  const probedBy = new Map(all.map((ip) => [ip, 0]));
  for (const ip of all)
    for (const peer of choosePeers(all, [ip], `node-${ip}`, 10)) probedBy.set(peer, probedBy.get(peer)! + 1);
  const counts = [...probedBy.values()];
  assert.ok(Math.min(...counts) >= 1 && Math.max(...counts) <= 25, `${Math.min(...counts)} to ${Math.max(...counts)}`);
});

test('an IPv6 address is the agent itself in whatever way it is written', () => {
  assert.deepEqual(choosePeers(['fd00::1', 'fd00:0:0::2'], ['FD00:0:0:0:0:0:0:1'], 'node-a', 10), ['fd00::2']);
});
