import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Random } from '../../../soak/random.ts';

const seed = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const fractions = (from: number, count: number) => {
  const random = new Random(from);
  return Array.from({ length: count }, () => random.fraction());
};

test('the same seed gives the same sequence, another seed another', () => {
  fc.assert(fc.property(seed, (from) => assert.deepEqual(fractions(from, 20), fractions(from, 20))));
  assert.notDeepEqual(fractions(1, 20), fractions(2, 20));
});

test('fractions are even over 0 to below 1', () => {
  const drawn = fractions(7, 10_000);
  assert.ok(drawn.every((fraction) => fraction >= 0 && fraction < 1));
  const tenths = Array.from({ length: 10 }, (_, n) => drawn.filter((value) => Math.floor(value * 10) === n).length);
  assert.ok(Math.min(...tenths) > 900 && Math.max(...tenths) < 1100, `${tenths}`);
});

test('whole numbers take both ends and nothing beyond', () => {
  const random = new Random(3);
  const drawn = new Set(Array.from({ length: 500 }, () => random.integer(-2, 3)));
  assert.deepEqual(
    [...drawn].sort((a, b) => a - b),
    [-2, -1, 0, 1, 2, 3],
  );
});

test('a sample holds each item once, and no more than there are', () => {
  fc.assert(
    fc.property(seed, fc.uniqueArray(fc.integer()), fc.nat(30), (from, items, count) => {
      const taken = new Random(from).sample(items, count);
      assert.equal(taken.length, Math.min(items.length, count));
      assert.equal(new Set(taken).size, taken.length);
      assert.ok(taken.every((item) => items.includes(item)));
    }),
  );
});

test('nothing can be picked from nothing', () => {
  assert.throws(() => new Random(1).pick([]), RangeError);
});
