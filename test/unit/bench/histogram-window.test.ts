import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  addWindows,
  bucketOfQuantile,
  compareQuantiles,
  histogramWindow,
  interpolatedQuantile,
} from '../../../bench/histogram-window.ts';
import { Metrics } from '../../e2e/metrics.ts';

const edges = [0.1, 0.2, 0.4, 0.8];

function exposition(values: number[], host = 'a'): string {
  const bucket = (le: string, edge: number) =>
    `latency_bucket{le="${le}",host="${host}"} ${values.filter((value) => value <= edge).length}`;
  const sum = values.reduce((total, value) => total + value, 0);
  return [
    ...edges.map((edge) => bucket(`${edge}`, edge)),
    bucket('+Inf', Number.POSITIVE_INFINITY),
    `latency_sum{host="${host}"} ${sum}`,
    `latency_count{host="${host}"} ${values.length}`,
    '',
  ].join('\n');
}

function windowOf(values: number[]) {
  return histogramWindow(new Metrics(''), new Metrics(exposition(values)), 'latency', {});
}

describe('a histogram between two scrapes', () => {
  it('holds what came in between, of all series together', () => {
    const before = new Metrics(exposition([0.05]) + exposition([0.3], 'b'));
    const after = new Metrics(exposition([0.05, 0.15]) + exposition([0.3, 0.3, 9], 'b'));
    const window = histogramWindow(before, after, 'latency', {});
    assert.equal(window.count, 3);
    assert.ok(Math.abs(window.sum - 9.45) < 1e-9);
    assert.deepEqual(
      window.buckets.map(({ count }) => count),
      [0, 1, 2, 2, 3],
    );
    assert.equal(histogramWindow(before, after, 'latency', { host: 'a' }).count, 1);
  });

  it('adds up with those of other agents', () => {
    const both = addWindows([windowOf([0.05, 0.3]), windowOf([0.3])]);
    assert.deepEqual(both.buckets, windowOf([0.05, 0.3, 0.3]).buckets);
    assert.equal(both.count, 3);
  });

  it('has each quantile in the bucket of the value at that rank', () => {
    const values = fc.array(fc.double({ min: 0.01, max: 2, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, (captured) => {
        for (const { capturedBucket, histogramBucket } of compareQuantiles(windowOf(captured), captured))
          assert.equal(capturedBucket, histogramBucket);
      }),
    );
  });

  it('has no quantile without an observation', () => {
    assert.equal(bucketOfQuantile(windowOf([]), 0.5), -1);
    assert.ok(compareQuantiles(windowOf([]), []).every(({ near }) => !near));
  });

  it('has quantiles on a straight line within a bucket', () => {
    const window = windowOf([0.15, 0.15, 0.3, 0.3]);
    assert.deepEqual(
      [0.25, 0.5, 0.75, 1].map((q) => interpolatedQuantile(window, q).toFixed(3)),
      ['0.150', '0.200', '0.300', '0.400'],
    );
    assert.equal(interpolatedQuantile(windowOf([5]), 0.5), 0.8);
    assert.ok(Number.isNaN(interpolatedQuantile(windowOf([]), 0.5)));
  });

  it('forgives one bucket, not two', () => {
    const near = (captured: number, observed: number) => compareQuantiles(windowOf([observed]), [captured])[0]!.near;
    assert.ok(near(0.15, 0.15));
    assert.ok(near(0.15, 0.3));
    assert.ok(near(0.3, 0.15));
    assert.ok(!near(0.15, 0.5));
    assert.ok(!near(0.5, 0.15));
  });
});
