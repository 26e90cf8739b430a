import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkBuckets, serverBuckets } from '../../../../src/contract/metrics/latency-buckets.ts';
import type { Total } from '../../../../src/operator/reports/fleet-totals.ts';
import { sketchIndex, sketchValue } from '../../../../src/protocol/latency-sketch.ts';
import { dnsLink, fleetTotals, networkLink } from './totals-rig.ts';

const minuteMs = 60_000;

/** The index of each bucket that is not empty, with its count. */
function filled({ buckets }: Total<string>): [number, number][] {
  return [...buckets.entries()].filter(([, count]) => count > 0);
}

test('dials count by the zones of both ends and the protocol, lookups by server and protocol', () => {
  const { totals, take } = fleetTotals();
  take('a', networkLink(), { latencies: [[sketchIndex(0.0001), 3]], failures: { timeout: 1, reset: 1 } });
  take('a', networkLink({ host: '10.64.0.9:8000' }), { latencies: [[sketchIndex(0.02), 1]] });
  take('a', networkLink({ protocol: 'UDP' }), { failures: { lost: 2 } });
  take('b', networkLink({ zone: '', node: '' }), { latencies: [[sketchIndex(7), 1]] });
  take('a', dnsLink(), { latencies: [[sketchIndex(0.3), 2]], failures: { nxdomain: 1 } });
  take('b', dnsLink({ host: 'example.org' }), { latencies: [[sketchIndex(0.3), 1]] });
  take('a', { ...dnsLink(), probe: 'ntp' }, { failures: { timeout: 5 } });

  const network = [...totals.network()];
  assert.deepEqual(
    network.map(({ labels, attempts, failures }) => [Object.values(labels).join(' '), attempts, failures]),
    [
      ['TCP a b', 6, 2],
      ['TCP b ', 1, 0],
      ['UDP a b', 2, 2],
    ],
  );
  const [first, toService] = network;
  assert.deepEqual(filled(first!), [
    [networkBuckets.findIndex((edge) => edge >= 0.0001), 3],
    [networkBuckets.findIndex((edge) => edge >= 0.02), 1],
  ]);
  assert.ok(Math.abs(first!.sum - (3 * 0.0001 + 0.02)) < 0.05 * 0.0203, `${first!.sum}`);
  assert.deepEqual(filled(toService!), [[networkBuckets.length, 1]], 'above the last edge');

  const dns = [...totals.dns()];
  assert.deepEqual(
    dns.map(({ labels, attempts, failures }) => [labels, attempts, failures]),
    [[{ protocol: 'UDP', server: '10.96.0.10:53' }, 4, 1]],
  );
  assert.deepEqual(filled(dns[0]!), [[serverBuckets.findIndex((edge) => edge >= 0.3), 3]]);
});

test('a latency is in the bucket of the middle of its sketch bucket', () => {
  const { totals, take } = fleetTotals();
  for (let index = 0; index <= 255; index++) take('a', networkLink(), { latencies: [[index, 1]] });
  const [{ buckets, attempts } = assert.fail()] = totals.network();
  const expected = [...networkBuckets, Infinity].map(
    (edge, place) =>
      Array.from({ length: 256 }, (_, index) => sketchValue(index)).filter(
        (value) => value <= edge && value > (networkBuckets[place - 1] ?? 0),
      ).length,
  );
  assert.deepEqual([...buckets], expected);
  assert.equal(attempts, 256);
});

test('beyond the maximum of pairs of zones or servers what is left is counted together', () => {
  const { totals, take } = fleetTotals({ zonePairs: 3, servers: 2, total: 100 });
  for (const zone of ['a', 'b', 'c', 'd', 'e']) take(zone, networkLink(), { failures: { timeout: 1 } });
  take('a', networkLink(), { failures: { timeout: 1 } });
  for (const number of [1, 2, 3, 4])
    take('a', dnsLink({ server: `10.1.0.${number}:53` }), { failures: { timeout: 1 } });
  assert.deepEqual(
    [...totals.network()].map(({ labels, failures }) => [labels.zone, labels.peer_zone, failures]),
    [
      ['a', 'b', 2],
      ['b', 'b', 1],
      ['c', 'b', 1],
      ['other', 'other', 2],
    ],
  );
  assert.deepEqual(
    [...totals.dns()].map(({ labels, failures }) => [labels.server, failures]),
    [
      ['10.1.0.1:53', 1],
      ['10.1.0.2:53', 1],
      ['other', 2],
    ],
  );
});

test('all NetExporters together have a maximum, and what one releases another may use', () => {
  const max = { zonePairs: 10, servers: 10, total: 3 };
  const first = fleetTotals(max);
  const second = fleetTotals(max, first.clock, first.count);
  for (const zone of ['a', 'b', 'c']) first.take(zone, networkLink());
  second.take('a', networkLink());
  assert.deepEqual(
    [...second.totals.network()].map(({ labels }) => labels.zone),
    ['other'],
  );
  first.totals.clear();
  assert.equal(first.count.total, 0);
  assert.deepEqual([...first.totals.network()], []);
  second.take('b', dnsLink());
  assert.deepEqual(
    [...second.totals.dns()].map(({ labels }) => labels.server),
    ['10.96.0.10:53'],
  );
});

test('a server without results for 15 minutes is removed, so that others have room', () => {
  const { totals, take, clock, count } = fleetTotals({ zonePairs: 3, servers: 1, total: 100 });
  const gone = dnsLink({ server: '10.1.0.1:53' });
  take('a', gone, { failures: { timeout: 1 } });
  clock.advance(14 * minuteMs);
  take('a', dnsLink({ server: '10.1.0.2:53' }));
  clock.advance(2 * minuteMs);
  take('a', dnsLink({ server: '10.1.0.3:53' }));
  assert.deepEqual(
    [...totals.dns()].map(({ labels }) => labels.server),
    ['other', '10.1.0.3:53'],
  );
  assert.equal(count.total, 1);
  clock.advance(20 * minuteMs);
  assert.deepEqual([...totals.dns()], []);
  take('a', gone, { failures: { timeout: 1 } });
  assert.deepEqual(
    [...totals.dns()].map(({ labels, failures }) => [labels.server, failures]),
    [['10.1.0.1:53', 1]],
    'it begins again',
  );
});

test('thousands of zones that come and go change no sum', () => {
  const { totals, take } = fleetTotals();
  const link = networkLink();
  take('a', link, { failures: { timeout: 1 } });
  for (let zone = 0; zone < 2500; zone++) take(`z${zone}`, link, { failures: { timeout: 1 } });
  take('a', link, { failures: { timeout: 1 } });
  const all = [...totals.network()];
  assert.equal(all.find(({ labels }) => labels.zone === 'a')!.failures, 2);
  assert.equal(
    all.reduce((sum, { failures }) => sum + failures, 0),
    2502,
  );
});
