import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addOutcomes, type Outcomes, outcomesOf } from '../../../../src/operator/reports/outcomes.ts';
import { targetReports } from '../../protocol/documents.ts';

const outcomes: fc.Arbitrary<Outcomes> = targetReports.map((target) => structuredClone(outcomesOf(target)));

function sumOf(all: readonly Outcomes[]): Outcomes {
  const sum: Outcomes = { attempts: 0, failures: {}, retransmits: 0, latencies: [] };
  for (const more of all) addOutcomes(sum, more);
  return sum;
}

test('a sum has every attempt, by its reason or its bucket, every retransmit and every loss', () => {
  fc.assert(
    fc.property(fc.array(outcomes, { maxLength: 5 }), (all) => {
      const sum = sumOf(all);
      const total = (count: (each: Outcomes) => number) => all.reduce((before, each) => before + count(each), 0);
      assert.equal(
        sum.attempts,
        total((each) => each.attempts),
      );
      assert.equal(
        sum.retransmits,
        total((each) => each.retransmits),
      );
      for (const reason of ['timeout', 'lost', 'nxdomain'] as const)
        assert.equal(
          sum.failures[reason] ?? 0,
          total((each) => each.failures[reason] ?? 0),
        );
      for (const bucket of sum.latencies.map(([index]) => index))
        assert.equal(
          sum.latencies.find(([index]) => index === bucket)![1],
          total((each) => each.latencies.find(([index]) => index === bucket)?.[1] ?? 0),
        );
      assert.equal(
        sum.losses?.forward ?? 0,
        total((each) => each.losses?.forward ?? 0),
      );
      const indices = sum.latencies.map(([index]) => index);
      assert.deepEqual(
        indices,
        [...new Set(all.flatMap((each) => each.latencies.map(([index]) => index)))].sort((a, b) => a - b),
      );
    }),
  );
});

test('the order of adding makes no difference, and what is added stays as it is', () => {
  fc.assert(
    fc.property(fc.array(outcomes, { maxLength: 4 }), (all) => {
      const before = structuredClone(all);
      assert.deepEqual(sumOf(all), sumOf(all.toReversed()));
      assert.deepEqual(all, before);
    }),
  );
});
