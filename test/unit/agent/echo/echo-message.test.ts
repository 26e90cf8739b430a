import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type EchoReceipt,
  type EchoRequest,
  type EchoVersion,
  encodeEchoRequest,
  makeEchoAnswer,
  maxEchoBytes,
  maxEchoSequence,
  minEchoBytes,
  readEchoAnswer,
  readEchoRequest,
  writeEchoDwell,
} from '../../../../src/agent/echo/echo-message.ts';
import { answer1, encodeRequest1, readAnswer1, readRequest1 } from '../servers/echo-version-1.ts';

const plain = { noNullPrototype: true };
const requests: fc.Arbitrary<EchoRequest> = fc.record(
  {
    sequence: fc.integer({ min: 0, max: maxEchoSequence }),
    turn: fc.nat(2 ** 32 - 1),
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

const request: EchoRequest = { sequence: 2, turn: 0x01020304, prober: Buffer.from('prober-1') };

function answered(
  message: Buffer,
  receipt: EchoReceipt = { counting: 7, received: 3 },
  version: EchoVersion = 2,
  dwellNs = 20_000,
): Buffer {
  const answer = Buffer.from(message);
  makeEchoAnswer(answer, receipt, version);
  if (version === 2) writeEchoDwell(answer, dwellNs);
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
    const rest = ['01020304', '70726f6265722d31', '00000000'];
    assert.equal(
      message.toString('hex'),
      ['4e584543', '01', '01', '02', '00', '0000000000000000', '02000000', ...rest].join(''),
    );
    const receipt = { counting: 0xa0b0c0d0, received: 5 };
    assert.equal(
      answered(message, receipt, 2, 0x00bc614e).toString('hex'),
      ['4e584543', '02', '02', '02', '00', 'a0b0c0d000000005', '00bc614e', ...rest].join(''),
    );
    assert.equal(
      answered(message, receipt, 1).toString('hex'),
      ['4e584543', '01', '02', '02', '00', 'a0b0c0d000000005', '02000000', ...rest].join(''),
    );
  });

  it('are read as they were written, request and answer, whatever they say', () => {
    const dwells = fc.nat(2 ** 32 - 2);
    fc.assert(
      fc.property(requests, sizes, receipts, dwells, (given, size, receipt, dwellNs) => {
        const message = encodeEchoRequest(given, size);
        const read = readEchoRequest(message);
        assert.equal(message.length, size);
        assert.deepEqual(read && { ...read, prober: new Uint8Array(read.prober) }, { ...given, answerVersion: 2 });
        const answer = answered(message, receipt, 2, dwellNs);
        assert.equal(answer.length, size);
        assert.deepEqual(readEchoAnswer(answer, message), { receipt, version: 2, dwellNs });
      }),
    );
  });

  it('leave a dwell unknown that was not written, is negative, or does not fit', () => {
    const message = encodeEchoRequest(request, minEchoBytes);
    for (const dwellNs of [-1, Number.NaN, 2 ** 32 - 1, 1e12])
      assert.equal(readEchoAnswer(answered(message, undefined, 2, dwellNs), message)?.dwellNs, undefined);
    const silent = Buffer.from(message);
    makeEchoAnswer(silent, { counting: 7, received: 3 }, 2);
    assert.equal(readEchoAnswer(silent, message)?.dwellNs, undefined);
  });

  it('are understood by agents of version 1, whose messages are understood here', () => {
    fc.assert(
      fc.property(requests, sizes, receipts, (given, size, receipt) => {
        const mine = encodeEchoRequest(given, size);
        assert.deepEqual(readEchoAnswer(answer1(mine, receipt)!, mine), { receipt, version: 1, dwellNs: undefined });
        const turn = BigInt(given.turn);
        const theirs = encodeRequest1({ ...given, turn }, size);
        const read = readEchoRequest(theirs);
        assert.deepEqual([read?.turn, read?.sequence, read?.answerVersion], [given.turn, given.sequence, 1]);
        assert.deepEqual(readAnswer1(answered(theirs, receipt, read!.answerVersion), theirs), receipt);
      }),
    );
    const [turn, next] = [1, 2].map((turn) => readRequest1(encodeEchoRequest({ ...request, turn }, 32))!.turn);
    assert.ok(turn! < next!, 'turns rise for a responder of version 1, too');
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
    const free = { request: [6, 16, ...range(20, 32)], answer: range(8, 20) };
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
