import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReconcileOverlap } from '../../faults/reconcile-overlap.ts';

function overlapsIn(lines: [msg: string, key: string, reconcile: number][]): ReconcileOverlap {
  const overlap = new ReconcileOverlap();
  for (const [msg, key, reconcile] of lines) overlap.take({ msg: `reconcile ${msg}`, key, reconcile });
  return overlap;
}

test('keys may be reconciled beside each other, and one after the other', () => {
  const overlap = overlapsIn([
    ['started', 'a', 1],
    ['started', 'b', 2],
    ['ended', 'a', 1],
    ['started', 'a', 3],
  ]);
  assert.deepEqual(overlap.found, []);
  assert.equal(overlap.ended, 1);
});

test('a key that is reconciled twice at once is found', () => {
  const overlap = overlapsIn([
    ['started', 'a', 1],
    ['started', 'a', 2],
  ]);
  assert.deepEqual(overlap.found, ['a: reconcile 2 began while 1 was under way']);
});

test('two controllers may work on one key, whatever their numbers', () => {
  const overlap = new ReconcileOverlap();
  for (const msg of ['started', 'ended'])
    for (const controller of ['netexporter', 'netexporter-plan'])
      overlap.take({ msg: `reconcile ${msg}`, controller, key: 'a', reconcile: 1 });
  assert.deepEqual(overlap.found, []);
  assert.equal(overlap.ended, 2);
});

test('other lines of the log say nothing about it', () => {
  const overlap = new ReconcileOverlap();
  for (const msg of ['created object', 'condition changed']) overlap.take({ msg, key: 'a', reconcile: 1 });
  overlap.take({ msg: 'stopping' });
  assert.deepEqual(overlap.found, []);
});
