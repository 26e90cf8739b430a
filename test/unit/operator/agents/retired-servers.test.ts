import assert from 'node:assert/strict';
import { RetiredServers } from '../../../../src/operator/agents/retired-servers.ts';
import { testWithEachWallClock as test } from '../../wall-clocks.ts';

test('a server that is no longer in the plan is retired for an hour, unless it comes back', (newClock) => {
  const clock = newClock();
  const retired = new RetiredServers(clock);
  retired.plan(['a', 'b', 'c']);
  retired.plan(['c']);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((server) => retired.has(server)),
    [true, true, false, false],
  );
  retired.plan(['a', 'c']);
  assert.deepEqual([retired.has('a'), retired.has('b')], [false, true]);
  clock.advance(3_600_000);
  assert.equal(retired.has('b'), false);
});

test('1,024 servers are remembered, those that were retired last', (newClock) => {
  const retired = new RetiredServers(newClock());
  for (let turn = 0; turn <= 3000; turn++) retired.plan([`${turn}`]);
  const remembered = Array.from({ length: 3000 }, (_, turn) => retired.has(`${turn}`));
  assert.deepEqual([remembered.filter((is) => is).length, remembered.slice(-1024).includes(false)], [1024, false]);
});
