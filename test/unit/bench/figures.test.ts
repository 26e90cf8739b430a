import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { figure, quantity, table } from '../../../bench/figures.ts';

describe('figures', () => {
  it('are judged by their bounds, which belong to what is allowed', () => {
    const judge = (value: number) => figure('x', value, '', { atLeast: 0.95, atMost: 1.05 }).ok;
    assert.deepEqual([0.94, 0.95, 1, 1.05, 1.06].map(judge), [false, true, true, true, false]);
  });

  it('without a number reach no goal', () => {
    assert.equal(figure('x', Number.NaN, 's', { atMost: 1 }).ok, false);
    assert.equal(figure('x', 0 / 0, 's', { atLeast: 0 }).ok, false);
  });

  it('without a goal are neither good nor bad', () => {
    assert.deepEqual(figure('x', 3, 'B'), { name: 'x', value: 3, unit: 'B', goal: null, ok: null });
  });

  it('say their goal in words', () => {
    assert.equal(figure('x', 0, 's', { atMost: 25e-6 }).goal, '≤ 25 µs');
    assert.equal(figure('x', 0, '', { atLeast: 1, atMost: 1 }).goal, '= 1');
    assert.equal(figure('x', 0, '', { atLeast: 0.95, atMost: 1.05 }).goal, '≥ 0.95 and ≤ 1.05');
  });

  it('have units that people read', () => {
    const cases: [number, '' | 's' | 'B', string][] = [
      [0.0000123456, 's', '12.35 µs'],
      [-0.000004, 's', '-4 µs'],
      [0.0123, 's', '12.3 ms'],
      [2.5, 's', '2.5 s'],
      [20 * 2 ** 20, 'B', '20 MiB'],
      [9876, 'B', '9.876 kB'],
      [Number.NaN, 's', 'none'],
    ];
    for (const [value, unit, expected] of cases) assert.equal(quantity(value, unit), expected);
  });

  it('stand in columns, and a missed goal is seen', () => {
    const text = table([figure('a', 2, '', { atMost: 1 }), figure('longer', 1, '', { atMost: 1 }), figure('c', 1, '')]);
    assert.deepEqual(text.split('\n'), [
      'figure  value  goal',
      'a       2      ≤ 1       MISSED',
      'longer  1      ≤ 1       ok',
      'c       1      reported',
    ]);
  });
});
