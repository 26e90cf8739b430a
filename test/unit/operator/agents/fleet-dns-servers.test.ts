import assert from 'node:assert/strict';
import { FleetDnsServers } from '../../../../src/operator/agents/fleet-dns-servers.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';

test('a server that is no longer in the plan is retired for an hour, unless it comes back', (newClock) => {
  const clock = newClock();
  const servers = new FleetDnsServers(clock);
  servers.plan(['a', 'b', 'c']);
  servers.plan(['c']);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((server) => servers.isRetired(server)),
    [true, true, false, false],
  );
  servers.plan(['a', 'c']);
  assert.deepEqual([servers.isRetired('a'), servers.isRetired('b')], [false, true]);
  clock.advance(3_600_000);
  assert.equal(servers.isRetired('b'), false);
});

test('1,024 servers are remembered, those that were retired last', (newClock) => {
  const servers = new FleetDnsServers(newClock());
  for (let turn = 0; turn <= 3000; turn++) servers.plan([`${turn}`]);
  const remembered = Array.from({ length: 3000 }, (_, turn) => servers.isRetired(`${turn}`));
  assert.deepEqual([remembered.filter((is) => is).length, remembered.slice(-1024).includes(false)], [1024, false]);
});
