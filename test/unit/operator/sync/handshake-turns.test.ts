import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { HandshakeTurns } from '../../../../src/operator/sync/handshake-turns.ts';

test('a thousand handshakes that come together are spread over turns of the event loop', async () => {
  const turns = new HandshakeTurns();
  let begun = 0;
  for (let n = 0; n < 1000; n++) turns.add('10.0.0.1', () => begun++);
  assert.equal(begun, 0);
  const perTurn: number[] = [];
  for (let before = 0; begun < 1000; before = begun) {
    await setImmediate();
    perTurn.push(begun - before);
    assert.ok(perTurn.length < 2000);
  }
  assert.ok(Math.max(...perTurn) <= 10, `${perTurn}`);
});

test('addresses take turns: one does not wait for the crowd of another', async () => {
  const turns = new HandshakeTurns();
  const order: string[] = [];
  for (let n = 0; n < 500; n++) turns.add('crowd', () => order.push('crowd'));
  for (const address of ['a', 'b', 'c', 'a']) turns.add(address, () => order.push(address));
  while (order.length < 504) await setImmediate();
  assert.deepEqual(
    order.slice(0, 8).filter((address) => address !== 'crowd'),
    ['a', 'b', 'c', 'a'],
  );
});

test('what begins a handshake may add the next one', async () => {
  const turns = new HandshakeTurns();
  let begun = 0;
  const again = () => {
    if (++begun < 20) turns.add('a', again);
  };
  turns.add('a', again);
  while (begun < 20) await setImmediate();
});
