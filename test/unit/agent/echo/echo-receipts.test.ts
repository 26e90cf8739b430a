import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EchoReceipts } from '../../../../src/agent/echo/echo-receipts.ts';

const from = (name: string, turn: number, sequence: number) => ({
  prober: Buffer.from(name.padEnd(8)),
  turn,
  sequence,
});

test('the requests of each prober are counted for themselves, from turn to turn', () => {
  const receipts = new EchoReceipts();
  const counts = [from('a', 1, 0), from('b', 9, 0), from('a', 1, 2), from('a', 2, 0), from('b', 9, 1)].map(
    (request) => receipts.count(request).received,
  );
  assert.deepEqual(counts, [1, 1, 2, 3, 2]);
});

test('a request that the network doubled counts once, and its doubles are told the same', () => {
  const receipts = new EchoReceipts();
  const first = receipts.count(from('a', 1, 31));
  assert.deepEqual(receipts.count(from('a', 1, 31)), first);
  assert.equal(receipts.count(from('a', 1, 0)).received, 2);
});

test('a request that comes after a later turn has begun does not count', () => {
  const receipts = new EchoReceipts();
  receipts.count(from('a', 2, 0));
  assert.equal(receipts.count(from('a', 1, 2)).received, 1);
  assert.equal(receipts.count(from('a', 2, 1)).received, 2);
});

test('a count stays the same counting, and one that begins anew is another', () => {
  let drawn = 0;
  const receipts = new EchoReceipts(() => ++drawn);
  const counting = (name: string) => receipts.count(from(name, 1, 0)).counting;
  assert.deepEqual([counting('a'), counting('b'), counting('a')], [1, 2, 1]);
  receipts.forgetOldest();
  assert.equal(counting('a'), 1, 'the one that was silent longest was forgotten, and that was b');
  assert.deepEqual([counting('b'), receipts.count(from('b', 1, 1))], [3, { counting: 3, received: 2 }]);
});

test('a prober that is not known is left alone where only known ones count', () => {
  const receipts = new EchoReceipts();
  assert.equal(receipts.countKnown(from('a', 1, 0)), undefined);
  assert.equal(receipts.size, 0);
  receipts.count(from('a', 1, 0));
  assert.equal(receipts.countKnown(from('a', 1, 1))?.received, 2);
});
