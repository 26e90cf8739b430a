import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CandidateQueue } from '../../../../src/operator/judge/candidate-queue.ts';

test('gives the candidate that can score most first, also of those that come later', () => {
  const mosts = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 40 });
  fc.assert(
    fc.property(mosts, mosts, (first, later) => {
      const queue = new CandidateQueue(first.map((most, id) => ({ id, most })));
      const top = queue.pop()?.most;
      assert.equal(top, first.length === 0 ? undefined : Math.max(...first));
      for (const most of later) queue.push({ id: 0, most });
      const popped: number[] = [];
      for (let item = queue.pop(); item; item = queue.pop()) popped.push(item.most);
      const expected = [...first, ...later].sort((a, b) => b - a);
      if (top !== undefined) expected.splice(expected.indexOf(top), 1);
      assert.deepEqual(popped, expected);
    }),
  );
});
