import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sameQuantity } from '../../../../src/operator/apply/quantity.ts';

for (const [a, b] of [
  ['0.1', '100m'],
  [1, '1'],
  ['1000m', 1],
  ['.5', '500m'],
  ['5.', '5'],
  ['0.5Gi', '512Mi'],
  ['1024Mi', '1Gi'],
  ['1e3', '1k'],
  ['1E3', '1000'],
  ['1E', '1000P'],
  ['100n', '0.1u'],
  ['0', '0Mi'],
] as const)
  test(`${a} is ${b}`, () => assert.ok(sameQuantity(a, b) && sameQuantity(b, a)));

for (const [a, b] of [
  ['10m', '11m'],
  ['1M', '1Mi'],
  ['1Ki', '1k'],
  ['x', 'x'],
  ['1ki', '1Ki'],
  ['1', undefined],
  ['', '0'],
] as const)
  test(`${a} is not ${b}`, () => assert.ok(!sameQuantity(a, b)));

test('every number of milli-units is the same amount as a decimal', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), (milli) => assert.ok(sameQuantity(`${milli}m`, milli / 1000))),
  );
});
