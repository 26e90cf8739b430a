import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type EchoReceipt,
  type EchoRequest,
  encodeEchoRequest,
  makeEchoAnswer,
  maxEchoBytes,
  maxEchoSequence,
  minEchoBytes,
  readEchoAnswer,
  readEchoRequest,
} from '../../../../src/agent/echo/echo-message.ts';

const plain = { noNullPrototype: true };
const requests: fc.Arbitrary<EchoRequest> = fc.record(
  {
    sequence: fc.integer({ min: 0, max: maxEchoSequence }),
    turn: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    prober: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  },
  plain,
);
const sizes = fc.integer({ min: minEchoBytes, max: maxEchoBytes });
const receipts: fc.Arbitrary<EchoReceipt> = fc.record(
  {
    counting: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    received: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  },
  plain,
);

const request: EchoRequest = { sequence: 2, turn: 0x0102030405060708n, prober: Buffer.from('prober-1') };

function answered(message: Buffer, receipt: EchoReceipt = { counting: 7, received: 3 }): Buffer {
  const answer = Buffer.from(message);
  makeEchoAnswer(answer, receipt);
  return answer;
}

/** The message with one octet changed. */
function flipped(message: Buffer, at: number): Buffer {
  const changed = Buffer.from(message);
  changed[at]! ^= 1;
  return changed;
}

describe('the messages of the UDP echo', () => {
  it('stand on the wire as the documentation says', () => {
    const message = encodeEchoRequest(request, 36);
    assert.equal(
      message.toString('hex'),
      ['4e584543', '01', '01', '02', '00', '0000000000000000', '0102030405060708', '70726f6265722d31', '00000000'].join(
        '',
      ),
    );
    assert.equal(
      answered(message, { counting: 0xa0b0c0d0, received: 5 }).toString('hex'),
      ['4e584543', '01', '02', '02', '00', 'a0b0c0d000000005', '0102030405060708', '70726f6265722d31', '00000000'].join(
        '',
      ),
    );
  });

  it('are read as they were written, request and answer, whatever they say', () => {
    fc.assert(
      fc.property(requests, sizes, receipts, (given, size, receipt) => {
        const message = encodeEchoRequest(given, size);
        const read = readEchoRequest(message);
        assert.equal(message.length, size);
        assert.deepEqual(read && { ...read, prober: new Uint8Array(read.prober) }, given);
        const answer = answered(message, receipt);
        assert.equal(answer.length, size);
        assert.deepEqual(readEchoAnswer(answer, message), receipt);
      }),
    );
  });

  it('a request is no answer and an answer no request, so that nobody answers an answer', () => {
    fc.assert(
      fc.property(requests, sizes, receipts, (given, size, receipt) => {
        const message = encodeEchoRequest(given, size);
        assert.equal(readEchoAnswer(message, message), undefined);
        assert.equal(readEchoRequest(answered(message, receipt)), undefined);
      }),
    );
  });

  it('an answer to any other packet is none to this one', () => {
    fc.assert(
      fc.property(requests, requests, sizes, receipts, (mine, other, size, receipt) => {
        const [message, another] = [encodeEchoRequest(mine, size), encodeEchoRequest(other, size)];
        fc.pre(!message.equals(another));
        assert.equal(readEchoAnswer(answered(another, receipt), message), undefined);
      }),
    );
    const message = encodeEchoRequest(request, 64);
    assert.equal(readEchoAnswer(answered(encodeEchoRequest(request, 65)), message), undefined, 'another size');
  });

  it('with an octet changed are not taken, unless it is one that may have any value', () => {
    const message = encodeEchoRequest(request, 64);
    const free = { request: [6, ...range(16, 32)], answer: range(8, 16) };
    for (let at = 0; at < message.length; at++) {
      assert.equal(readEchoRequest(flipped(message, at)) !== undefined, free.request.includes(at), `request, ${at}`);
      const answer = flipped(answered(message), at);
      assert.equal(readEchoAnswer(answer, message) !== undefined, free.answer.includes(at), `answer, ${at}`);
    }
  });

  it('that are too short, too long or of an impossible sequence are not taken', () => {
    const short = encodeEchoRequest(request, minEchoBytes).subarray(0, -1);
    const long = Buffer.concat([encodeEchoRequest(request, maxEchoBytes), Buffer.alloc(1)]);
    const late = encodeEchoRequest({ ...request, sequence: maxEchoSequence + 1 }, 64);
    for (const message of [Buffer.alloc(0), short, long, late]) assert.equal(readEchoRequest(message), undefined);
    assert.equal(readEchoAnswer(answered(long), long), undefined);
  });

  it('are never found in octets at random, and nothing throws', () => {
    const message = encodeEchoRequest(request, 64);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1600 }), (bytes) => {
        assert.equal(readEchoRequest(Buffer.from(bytes)), undefined);
        assert.equal(readEchoAnswer(Buffer.from(bytes), message), undefined);
      }),
    );
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
