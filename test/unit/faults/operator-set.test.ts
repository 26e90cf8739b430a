import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLossOfLease } from '../../faults/operator-set.ts';

const lost = JSON.stringify({ level: 'fatal', why: 'no renewal', msg: 'lost the lease, exiting' });
const other = JSON.stringify({ level: 'warn', msg: 'cannot renew the lease, will retry' });

test('an operator that exits with code 1 and says last that it lost the Lease had to end', () => {
  assert.ok(isLossOfLease({ ending: 'exit code 1', log: lost }));
  assert.ok(isLossOfLease({ ending: 'exit code 1', log: `${other}\n${lost}` }));
});

test('an operator that ends otherwise, or says something else of the Lease, has a fault', () => {
  assert.ok(!isLossOfLease({ ending: 'exit code 2', log: lost }));
  assert.ok(!isLossOfLease({ ending: 'SIGSEGV', log: lost }));
  assert.ok(!isLossOfLease({ ending: undefined, log: lost }));
  for (const last of [other, 'lost the lease, exiting', 'TypeError: lease is undefined\n    at lease.ts', '', 'null'])
    assert.ok(!isLossOfLease({ ending: 'exit code 1', log: `${lost}\n${last}` }), last);
  const standingBy = JSON.stringify({ msg: 'lost the lease, standing by to acquire it again' });
  assert.ok(!isLossOfLease({ ending: 'exit code 1', log: standingBy }));
});
