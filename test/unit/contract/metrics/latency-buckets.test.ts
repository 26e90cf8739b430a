import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkBuckets, serverBuckets } from '../../../../src/contract/metrics/latency-buckets.ts';
import { defaultSpec } from '../../../../src/crd/net-exporter.ts';

for (const [whose, buckets, first] of [
  ['round trips', networkBuckets, 20e-6],
  ['answers of servers', serverBuckets, 80e-6],
] as const)
  test(`the buckets of ${whose} go up to 5 s, close below a millisecond`, () => {
    assert.equal(buckets[0], first);
    assert.equal(buckets.at(-1), 5);
    // Each is a series of each target: at the defaults an agent may have 550.
    assert.ok(buckets.length <= 16);
    for (const [n, edge] of buckets.entries()) {
      assert.ok(n === 0 || edge > buckets[n - 1]!);
      if (n > 0 && edge <= 0.001) assert.ok(edge / buckets[n - 1]! <= 2.01);
    }
  });

test('answers of servers after 0.1, 0.25, 0.5 and 1 s can be told apart', () => {
  const bucketOf = (seconds: number) => serverBuckets.findIndex((edge) => seconds <= edge);
  const latencies = [0.09, 0.12, 0.3, 0.7];
  assert.equal(new Set(latencies.map(bucketOf)).size, latencies.length);
});

test('net-exporter’s examples find their edges', () => {
  for (const edge of [0.004, 0.008]) assert.ok(networkBuckets.includes(edge) && serverBuckets.includes(edge));
});

test('a handshake with one, two or three SYNs lost lies in a bucket of its own', () => {
  // Linux 6.5 and newer resend after about 1.0, 2.0 and 3.1 s; a round trip and the timer's slack come on top.
  const bucketOf = (seconds: number) => networkBuckets.findIndex((edge) => seconds <= edge);
  const handshakes = [0.05, 1.03, 2.06, 3.12];
  assert.equal(new Set(handshakes.map(bucketOf)).size, handshakes.length);
  for (const seconds of handshakes) assert.equal(bucketOf(seconds), bucketOf(seconds + 0.02));
});

test('the default thresholds of latency are edges, so that rules count exactly what is above them', () => {
  const { dns, network } = defaultSpec().health.latency;
  for (const [threshold, buckets] of [
    [dns, serverBuckets],
    [network, networkBuckets],
  ] as const) {
    const [, number] = /^(\d+)ms$/.exec(threshold)!;
    assert.ok(buckets.includes(Number(number) / 1000), threshold);
  }
});
