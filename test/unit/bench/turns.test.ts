import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns } from '../../../bench/turns.ts';

test('so many are at it at once, the others follow in their order', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const begin = async (number: number) => {
    await turns.begin();
    begun.push(number);
  };
  const all = [1, 2, 3, 4].map(begin);
  await Promise.all(all.slice(0, 2));
  assert.deepEqual(begun, [1, 2]);
  turns.end();
  await all[2];
  assert.deepEqual(begun, [1, 2, 3]);
  turns.end();
  await all[3];
  turns.end();
  turns.end();
  await Promise.all([begin(5), begin(6)]);
  assert.deepEqual(begun, [1, 2, 3, 4, 5, 6]);
});
