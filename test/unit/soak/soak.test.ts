import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figure } from '../../../bench/figures.ts';
import { violations } from '../../../soak/soak.ts';

test('a missed goal and a failure are violations; a figure without a goal is none', () => {
  const figures = [figure('fine', 1, '', { atMost: 1 }), figure('missed', 2, '', { atMost: 1 }), figure('told', 3, '')];
  assert.deepEqual(violations({ figures, failures: ['generation 7 was not reached'] }), [
    'generation 7 was not reached',
    'missed is 2, to be ≤ 1',
  ]);
  assert.deepEqual(violations({ figures: [figures[0]!], failures: [] }), []);
});

test('a figure with a goal that could not be measured is a violation', () => {
  assert.equal(violations({ figures: [figure('x', Number.NaN, '', { atMost: 1 })], failures: [] }).length, 1);
});
