import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WindowLatencies } from '../../../../src/operator/judge/window-latencies.ts';
import { LatencySketch, sketchIndex, sketchValue } from '../../../../src/protocol/latency-sketch.ts';

const windowMs = 120_000;

test('quantiles are those of a sketch of all latencies', () => {
  const latencies = new WindowLatencies(windowMs, 0);
  const sketch = new LatencySketch();
  assert.deepEqual(latencies.quantiles([0.5, 0.99]), [undefined, undefined]);
  for (let number = 1; number <= 500; number++) {
    const entries: [number, number][] = [[sketchIndex(number * 1e-5), 1 + (number % 3)]];
    latencies.advance(number * 200);
    latencies.add(entries);
    sketch.merge(entries);
  }
  assert.deepEqual(
    latencies.quantiles([0, 0.5, 0.99, 1]),
    [0, 0.5, 0.99, 1].map((q) => sketch.quantile(q)),
  );
});

test('latencies leave with the window, by a slot at a time or all at once', () => {
  const latencies = new WindowLatencies(windowMs, 7000);
  latencies.add([[10, 1]]);
  latencies.advance(7000 + windowMs / 2);
  latencies.add([[20, 1]]);
  assert.deepEqual(latencies.quantiles([0, 1]), [sketchValue(10), sketchValue(20)]);
  latencies.advance(7000 + windowMs);
  assert.deepEqual(latencies.quantiles([0]), [sketchValue(20)]);
  latencies.advance(10 * windowMs);
  assert.deepEqual(latencies.quantiles([0]), [undefined]);
  latencies.advance(0);
  latencies.add([[30, 1]]);
  assert.deepEqual(latencies.quantiles([0]), [sketchValue(30)], 'time that does not go on changes nothing');
});
