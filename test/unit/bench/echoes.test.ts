import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type EchoDatagram, echoes } from '../../../bench/echoes.ts';
import { encodeEchoRequest, makeEchoAnswer, writeEchoDwell } from '../../../src/agent/echo/echo-message.ts';

const own = '10.0.0.1';
const peer = '10.0.0.2';
const prober = Buffer.from('prober-1');

function request(at: number, sequence = 0, turn = 1): EchoDatagram {
  const payload = encodeEchoRequest({ sequence, turn, prober }, 64).toString('hex');
  return { at, source: own, sourcePort: 40_000, destination: peer, destinationPort: 8000, payload };
}

function answer(at: number, asked: EchoDatagram): EchoDatagram {
  const message = Buffer.from(asked.payload, 'hex');
  makeEchoAnswer(message, { counting: 7, received: 3 }, 2);
  writeEchoDwell(message, 1000);
  const ports = { source: peer, sourcePort: 8000, destination: own, destinationPort: asked.sourcePort };
  return { at, ...ports, payload: message.toString('hex') };
}

describe('echoes', () => {
  it('last from the request to its answer, as the agent writes them', () => {
    const found = echoes([request(10), answer(10.25, request(10))], own);
    assert.deepEqual(
      found.map(({ key: _, ...echo }) => echo),
      [{ host: '10.0.0.2:8000', answeredAt: 10.25, seconds: 0.25 }],
    );
  });

  it('have the same key in the captures of both ends', () => {
    const [asked] = echoes([request(10), answer(10.25, request(10))], own);
    const [answered] = echoes([request(10.1), answer(10.2, request(10))], peer, 'responder');
    assert.equal(answered?.key, asked?.key);
    assert.equal(answered?.host, '10.0.0.1:40000');
    assert.ok(Math.abs(answered!.seconds - 0.1) < 1e-9);
  });

  it('without an answer are left out, and those of others too', () => {
    assert.deepEqual(echoes([request(10)], own), []);
    assert.deepEqual(echoes([request(10), answer(10.25, request(10))], peer), []);
  });

  it('are told apart by sequence and turn', () => {
    for (const other of [request(10.1, 1), request(10.1, 0, 2)]) {
      assert.deepEqual(echoes([request(10), answer(10.25, other)], own), []);
      const found = echoes([request(10), other, answer(11, other), answer(12, request(10))], own);
      assert.deepEqual(
        found.map(({ answeredAt }) => answeredAt),
        [11, 12],
      );
    }
  });
});
