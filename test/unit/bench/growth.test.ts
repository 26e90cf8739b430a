import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { growthTo } from '../../../bench/growth.ts';

describe('growth', () => {
  const values = new Map([
    [100, { memory: 100, time: 1 }],
    [1000, { memory: 150, time: 20 }],
    [5000, { memory: 300, time: 20 }],
  ]);

  it('is from the next smaller number of nodes', () => {
    assert.deepEqual(growthTo(5000, values), [
      { figure: 'memory', from: 1000, to: 5000, factor: 2, perNode: 0.4 },
      { figure: 'time', from: 1000, to: 5000, factor: 1, perNode: 0.2 },
    ]);
  });

  it('per node is above 1 where a figure grows faster than the nodes do', () => {
    assert.deepEqual(
      growthTo(1000, values).map(({ perNode }) => perNode),
      [0.15, 2],
    );
  });

  it('from nothing is none, or without bound', () => {
    const from = new Map([
      [100, { requests: 0, errors: 0 }],
      [1000, { requests: 0, errors: 1 }],
    ]);
    assert.deepEqual(
      growthTo(1000, from).map(({ perNode }) => perNode),
      [0, Number.POSITIVE_INFINITY],
    );
  });

  it('is unknown without a smaller number', () => {
    assert.deepEqual(growthTo(100, values), []);
    assert.deepEqual(growthTo(1000, new Map([[1000, { memory: 1 }]])), []);
  });
});
