import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  LatencySketch,
  maxSketchIndex,
  sketchAccuracy,
  sketchIndex,
  sketchValue,
} from '../../../src/protocol/latency-sketch.ts';

/** From a microsecond to an hour, as often below a millisecond as above. */
const latencies = fc.double({ min: -6, max: 3.5, noNaN: true }).map((exponent) => 10 ** exponent);

function sketchOf(seconds: readonly number[]): LatencySketch {
  const sketch = new LatencySketch();
  for (const latency of seconds) sketch.add(latency);
  return sketch;
}

test('a bucket is represented by a latency that is near each of its own', () => {
  assert.ok(sketchAccuracy < 0.05);
  fc.assert(
    fc.property(latencies, (seconds) => {
      const error = Math.abs(sketchValue(sketchIndex(seconds)) - seconds) / seconds;
      assert.ok(error <= sketchAccuracy * (1 + 1e-9), `${seconds} s: ${error}`);
    }),
  );
});

test('a longer latency is in the same bucket or a later one', () => {
  fc.assert(fc.property(latencies, latencies, (a, b) => a > b || sketchIndex(a) <= sketchIndex(b)));
});

test('what no clock measures is in the first bucket or the last', () => {
  for (const seconds of [0, -1, 1e-6, 1e-9, Number.NaN]) assert.equal(sketchIndex(seconds), 0, String(seconds));
  for (const seconds of [1e6, Number.POSITIVE_INFINITY]) assert.equal(sketchIndex(seconds), maxSketchIndex);
});

test('a quantile is that of the latencies themselves, to within the accuracy', () => {
  fc.assert(
    fc.property(fc.array(latencies, { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (seconds, q) => {
      const sorted = seconds.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!;
      const found = sketchOf(seconds).quantile(q)!;
      assert.ok(Math.abs(found - exact) / exact <= sketchAccuracy * (1 + 1e-9), `${found} for ${exact}`);
    }),
  );
});

test('a sketch without latencies has no quantile', () => {
  assert.equal(new LatencySketch().quantile(0.5), undefined);
});

test('merging is adding', () => {
  fc.assert(
    fc.property(fc.array(latencies), fc.array(latencies), (left, right) => {
      const merged = sketchOf(left);
      merged.merge(sketchOf(right).entries());
      const added = sketchOf([...left, ...right]);
      assert.deepEqual(merged.entries(), added.entries());
      assert.equal(merged.count, left.length + right.length);
    }),
  );
});

test('adding many of one latency is adding each', () => {
  const many = new LatencySketch();
  many.add(0.002, 3);
  assert.deepEqual(many.entries(), sketchOf([0.002, 0.002, 0.002]).entries());
});

test('entries are ascending, each bucket once', () => {
  fc.assert(
    fc.property(fc.array(latencies), (seconds) => {
      const indices = sketchOf(seconds)
        .entries()
        .map(([index]) => index);
      assert.deepEqual(
        indices,
        [...new Set(indices)].sort((a, b) => a - b),
      );
    }),
  );
});
