import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairQueue } from '../../../../src/operator/controller/fair-queue.ts';

function drained(queue: FairQueue): (string | undefined)[] {
  return Array.from({ length: queue.length }, () => queue.shift());
}

test('keys of a namespace keep their order', () => {
  const queue = new FairQueue();
  for (const key of ['a/2', 'a/1', 'a/3']) queue.push(key);
  assert.deepEqual(drained(queue), ['a/2', 'a/1', 'a/3']);
  assert.equal(queue.shift(), undefined);
});

test('a namespace with many keys delays those of others by one', () => {
  const queue = new FairQueue();
  for (let number = 0; number < 80; number++) queue.push(`stranger/${number}`);
  queue.push('neighbor/one');
  queue.push('neighbor/two');
  assert.equal(queue.length, 82);
  assert.deepEqual(drained(queue).slice(0, 5), [
    'stranger/0',
    'neighbor/one',
    'stranger/1',
    'neighbor/two',
    'stranger/2',
  ]);
});

test('a namespace that comes back waits for one turn of the others', () => {
  const queue = new FairQueue();
  for (const key of ['a/1', 'a/2', 'b/1', 'c/1']) queue.push(key);
  assert.equal(queue.shift(), 'a/1');
  assert.equal(queue.shift(), 'b/1');
  queue.push('b/2');
  assert.deepEqual(drained(queue), ['c/1', 'a/2', 'b/2']);
});

test('nothing is left after clearing', () => {
  const queue = new FairQueue();
  queue.push('a/1');
  queue.push('without-namespace');
  queue.clear();
  assert.equal(queue.length, 0);
  assert.equal(queue.shift(), undefined);
});
