import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Outcomes, packOutcomes, unpackSums } from '../../../../src/operator/reports/packed-outcomes.ts';
import { targetReports } from '../../protocol/documents.ts';
import { naiveSum, outcomesOf } from './naive-outcomes.ts';

const outcomes = targetReports.map((target) => outcomesOf(structuredClone(target)));
const positioned: fc.Arbitrary<[number, Outcomes][]> = fc.array(fc.tuple(fc.nat(100_000), outcomes));

test('outcomes survive being packed', () => {
  fc.assert(
    fc.property(positioned, (given) => {
      const once = new Map(given);
      assert.deepEqual(unpackSums([packOutcomes(once)]), once);
    }),
  );
});

test('outcomes of one position are added up, wherever they are', () => {
  fc.assert(
    fc.property(fc.array(fc.array(outcomes, { maxLength: 3 }), { minLength: 1, maxLength: 3 }), (texts) => {
      fc.pre(texts.flat().length > 0);
      const sums = unpackSums(texts.map((all) => packOutcomes(all.map((each) => [7, each]))));
      assert.deepEqual(sums, new Map([[7, naiveSum(texts.flat())]]));
    }),
  );
});

test('counts of any size survive', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (count) => {
      const many: Outcomes = { attempts: count, failures: {}, retransmits: 0, latencies: [[40, count]] };
      assert.deepEqual(unpackSums([packOutcomes([[7, many]])]).get(7), many);
    }),
  );
});

test('an attempt that succeeded takes a byte for each of its numbers', () => {
  const one: Outcomes = { attempts: 1, failures: {}, retransmits: 0, latencies: [[51, 1]] };
  assert.equal(packOutcomes([[16, one]]).length, 4);
});
