import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameserversOf } from '../../../../src/operator/dns/nameservers.ts';

test('the resolvers are those of the nameserver lines, in order and of either family', () => {
  const text = [
    'search a.svc.cluster.local svc.cluster.local',
    'nameserver 10.96.0.10',
    '# nameserver 10.0.0.1',
    'nameserver\tfd00::10 # the other family',
    'options ndots:5',
    '',
  ].join('\n');
  assert.deepEqual(nameserversOf(text), ['10.96.0.10', 'fd00::10']);
});

test('what is no address that a policy could name is left out', () => {
  assert.deepEqual(nameserversOf('nameserver fe80::1%eth0\nnameserver dns.example\nnameserver\n'), []);
  assert.deepEqual(nameserversOf(''), []);
});
