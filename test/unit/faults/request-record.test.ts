import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostWithin } from '../../faults/request-record.ts';

const at = (...times: number[]) => times.map((startedAt) => ({ startedAt }));

test('the busiest stretch may begin at any time and ends before the next', () => {
  assert.equal(mostWithin(1000, []), 0);
  assert.equal(mostWithin(1000, at(0, 1000, 2000)), 1);
  assert.equal(mostWithin(1000, at(900, 0, 1100, 1899, 1900)), 3);
  assert.equal(mostWithin(2000, at(900, 0, 1100, 1899, 1900)), 5);
});
