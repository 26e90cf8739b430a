import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latencyBuckets } from '../../../../src/contract/metrics/latency-buckets.ts';
import { defaultSpec } from '../../../../src/crd/net-exporter.ts';

test('the buckets go up from 20 µs to 5 s, close below a millisecond', () => {
  assert.equal(latencyBuckets[0], 20e-6);
  assert.equal(latencyBuckets.at(-1), 5);
  // Each is a series of each target: at the defaults an agent may have 550.
  assert.ok(latencyBuckets.length <= 16);
  for (const [n, edge] of latencyBuckets.entries()) {
    assert.ok(n === 0 || edge > latencyBuckets[n - 1]!);
    if (n > 0 && edge <= 0.001) assert.ok(edge / latencyBuckets[n - 1]! <= 2.01);
  }
});

test('net-exporter’s examples find their edges', () => {
  for (const edge of [0.004, 0.008]) assert.ok(latencyBuckets.includes(edge));
});

test('a handshake with one, two or three SYNs lost lies in a bucket of its own', () => {
  // Linux 6.5 and newer resend after about 1.0, 2.0 and 3.1 s; a round trip and the timer's slack come on top.
  const bucketOf = (seconds: number) => latencyBuckets.findIndex((edge) => seconds <= edge);
  const handshakes = [0.05, 1.03, 2.06, 3.12];
  assert.equal(new Set(handshakes.map(bucketOf)).size, handshakes.length);
  for (const seconds of handshakes) assert.equal(bucketOf(seconds), bucketOf(seconds + 0.02));
});

test('the default thresholds of latency are edges, so that rules count exactly what is above them', () => {
  const { dns, network } = defaultSpec().health.latency;
  for (const threshold of [dns, network]) {
    const [, number] = /^(\d+)ms$/.exec(threshold)!;
    assert.ok(latencyBuckets.includes(Number(number) / 1000), threshold);
  }
});
