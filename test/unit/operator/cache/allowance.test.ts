import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Allowance } from '../../../../src/operator/cache/allowance.ts';

test('objects take parts until nothing is left, and give them back', () => {
  const allowance = new Allowance(10);
  assert.equal(allowance.take('a', 6), true);
  assert.equal(allowance.take('b', 5), false);
  assert.equal(allowance.take('a', 5), true, 'in place of what it had');
  assert.equal(allowance.take('b', 5), true);
  assert.equal(allowance.left, 0);
  assert.equal(allowance.take('a', 6), false);
  assert.equal(allowance.left, 5, 'one that got none has none');
  allowance.release('b');
  allowance.release('never there');
  assert.equal(allowance.left, 10);
  allowance.take('a', 4);
  allowance.take('b', 6);
  allowance.retain((key) => key === 'b');
  assert.equal(allowance.left, 4);
});
