import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressesOf, slots } from '../../cluster/addresses.ts';
import { chooseSlot, NoFreeSlotError, overlap } from '../../cluster/slots.ts';

const nothing = { ipFamily: 'ipv4' as const, taken: [], prefixes: [], names: [] };

describe('the choice of a slot', () => {
  it('takes the first on a machine without clusters', () => {
    assert.equal(chooseSlot({ ...nothing, prefixes: ['default', '192.0.2.0/24', '127.0.0.0/8'] }), 0);
  });

  it('skips slots of other clusters', () => {
    assert.equal(chooseSlot({ ...nothing, taken: [0, 1, 3] }), 2);
  });

  it('skips slots whose node or pod network the machine has a route to', () => {
    assert.equal(chooseSlot({ ...nothing, prefixes: addressesOf(0).nodeNetworks }), 1);
    assert.equal(chooseSlot({ ...nothing, prefixes: ['10.200.7.9'] }), 1);
    assert.equal(chooseSlot({ ...nothing, prefixes: ['10.200.0.0/15'] }), 2);
  });

  it('skips slots whose IPv6 networks the machine has a route to, for a cluster with IPv6 only', () => {
    const prefixes = [addressesOf(0, 'dual').podNetworks[1]!, addressesOf(1, 'dual').nodeNetworks[1]!];
    assert.equal(chooseSlot({ ...nothing, prefixes, ipFamily: 'dual' }), 2);
    assert.equal(chooseSlot({ ...nothing, prefixes, ipFamily: 'ipv6' }), 2);
    assert.equal(chooseSlot({ ...nothing, prefixes }), 0);
    assert.equal(chooseSlot({ ...nothing, prefixes: ['fd00::/64', 'fe80::/64', 'ff00::/8'], ipFamily: 'dual' }), 0);
  });

  it('takes one whose IPv4 networks the machine has a route to, for a cluster of IPv6 only', () => {
    const prefixes = addressesOf(0, 'ipv4').podNetworks;
    assert.equal(chooseSlot({ ...nothing, prefixes, ipFamily: 'ipv6' }), 0);
    assert.equal(chooseSlot({ ...nothing, prefixes, ipFamily: 'dual' }), 1);
  });

  it('skips slots with an interface or a network namespace of their name', () => {
    assert.equal(chooseSlot({ ...nothing, names: ['nec0', 'nec1-node-1'] }), 2);
  });

  it('does not take nec1 for a name of slot 11', () => {
    assert.equal(chooseSlot({ ...nothing, names: ['nec11-switch'] }), 0);
  });

  it('says so when there is none', () => {
    const taken = Array.from({ length: slots }, (_, slot) => slot);
    assert.throws(() => chooseSlot({ ...nothing, taken }), NoFreeSlotError);
  });
});

describe('overlap of two prefixes', () => {
  const cases: [string, string, boolean][] = [
    ['10.0.0.0/8', '10.200.0.0/16', true],
    ['10.200.0.0/16', '10.0.0.0/8', true],
    ['10.200.1.1', '10.200.0.0/16', true],
    ['10.201.0.0/16', '10.200.0.0/16', false],
    ['172.31.99.0/24', '172.31.100.0/24', false],
    ['255.255.255.255', '128.0.0.0/1', true],
    ['0.0.0.0/0', '10.200.0.0/16', false],
    ['default', '10.200.0.0/16', false],
    ['fd00::/8', 'fd6e:6563:1::/64', true],
    ['fd6e:6563:1::11', 'fd6e:6563:1::/64', true],
    ['fd6e:6563:1:1200::/64', 'fd6e:6563:1:1000::/52', true],
    ['fd6e:6563:1::/64', 'fd6e:6563:2::/64', false],
    ['::/0', 'fd6e:6563:1::/64', false],
    ['::ffff:10.200.1.1', '10.200.0.0/16', false],
  ];
  for (const [a, b, expected] of cases) it(`${a} and ${b}: ${expected}`, () => assert.equal(overlap(a, b), expected));
});
