import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Outcomes, outcomesOf } from '../../../../src/operator/reports/outcomes.ts';
import { packOutcomes, unpackOutcomes } from '../../../../src/operator/reports/packed-outcomes.ts';
import { targetReports } from '../../protocol/documents.ts';

const all: fc.Arbitrary<[number, Outcomes][]> = fc.array(
  fc.tuple(
    fc.nat(100_000),
    targetReports.map((target) => outcomesOf(structuredClone(target))),
  ),
);

test('outcomes survive being packed', () => {
  fc.assert(fc.property(all, (given) => assert.deepEqual([...unpackOutcomes(packOutcomes(given))], given)));
});

test('counts of any size survive', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (count) => {
      const outcomes: Outcomes = { attempts: count, failures: {}, retransmits: 0, latencies: [[40, count]] };
      assert.deepEqual([...unpackOutcomes(packOutcomes([[7, outcomes]]))], [[7, outcomes]]);
    }),
  );
});

test('an attempt that succeeded takes a byte for each of its numbers', () => {
  const outcomes: Outcomes = { attempts: 1, failures: {}, retransmits: 0, latencies: [[51, 1]] };
  assert.equal(packOutcomes([[16, outcomes]]).length, 4);
});
