import assert from 'node:assert/strict';
import { test } from 'node:test';
import { busiestSecond } from '../../faults/request-record.ts';

const at = (...times: number[]) => times.map((startedAt) => ({ startedAt }));

test('the busiest second may begin at any time and ends before the next', () => {
  assert.equal(busiestSecond([]), 0);
  assert.equal(busiestSecond(at(0, 1000, 2000)), 1);
  assert.equal(busiestSecond(at(900, 0, 1100, 1899, 1900)), 3);
});
