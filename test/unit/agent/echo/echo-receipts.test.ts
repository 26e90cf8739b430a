import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EchoReceipts } from '../../../../src/agent/echo/echo-receipts.ts';

const from = (name: string, turn: number, sequence: number) => ({
  prober: Buffer.from(name.padEnd(8)),
  turn: BigInt(turn),
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
  const receipts = new EchoReceipts(2, () => ++drawn);
  const counting = (name: string) => receipts.count(from(name, 1, 0)).counting;
  assert.deepEqual([counting('a'), counting('b'), counting('a'), counting('c')], [1, 2, 1, 3]);
  assert.equal(counting('a'), 1, 'the one that was silent longest made room, and that was b');
  assert.deepEqual([counting('b'), receipts.count(from('b', 1, 1))], [4, { counting: 4, received: 2 }]);
});

test('however many probers there are, no more are remembered than fit, and all are answered', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 }), { maxLength: 200 }), (probers) => {
      const receipts = new EchoReceipts(16);
      for (const prober of probers) {
        const { received } = receipts.count({ prober, turn: 1n, sequence: 0 });
        assert.ok(received >= 1 && receipts.size <= 16);
      }
    }),
  );
});
