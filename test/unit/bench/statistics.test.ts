import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mean, quantile, slope } from '../../../bench/statistics.ts';

describe('statistics', () => {
  it('a quantile is one of the values, whatever their order', () => {
    const values = [5, 1, 4, 2, 3];
    assert.deepEqual(
      [0.2, 0.5, 0.9, 0.99].map((q) => quantile(values, q)),
      [1, 3, 5, 5],
    );
    assert.ok(Number.isNaN(quantile([], 0.5)));
  });

  it('the slope is that of the line with the least squares', () => {
    assert.equal(mean([1, 2, 6]), 3);
    assert.equal(
      slope([
        [0, 1],
        [1, 3],
        [2, 5],
      ]),
      2,
    );
    assert.equal(
      slope([
        [0, 0],
        [1, 3],
        [2, 0],
      ]),
      0,
    );
  });
});
