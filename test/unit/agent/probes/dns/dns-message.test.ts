import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import packet, { type Answer } from 'dns-packet';
import fc from 'fast-check';
import { type DnsQuery, encodeQuery, judgeMessage } from '../../../../../src/agent/probes/dns/dns-message.ts';
import { addressRecord, answer, type Deviation, goodAnswer, type ReceivedQuery } from '../../servers/dns-server.ts';

const query = encodeQuery({ id: 0xbeef, name: 'kubernetes.default.svc.cluster.local', type: 'A' });

function receivedAs(asked: DnsQuery): ReceivedQuery {
  const { message } = encodeQuery(asked);
  return { message, packet: packet.decode(message), name: asked.name, type: asked.type };
}

const received = receivedAs(query);
const judge = (deviation: Deviation, asked: DnsQuery = query) =>
  judgeMessage(answer(receivedAs(asked), deviation), encodeQuery(asked));

function alias(name: string, data: string): Answer {
  return { name, type: 'CNAME', data, ttl: 5, class: 'IN' };
}

describe('encodeQuery', () => {
  it('asks one question of class IN, with recursion and nothing else', () => {
    const { id, type, flag_rd, rcode, questions, answers, authorities, additionals } = packet.decode(
      query.message,
    ) as packet.DecodedPacket & { rcode: string };
    assert.deepEqual(
      { id, type, flag_rd, rcode, questions, answers, authorities, additionals },
      {
        id: 0xbeef,
        type: 'query',
        flag_rd: true,
        rcode: 'NOERROR',
        questions: [{ name: query.name, type: 'A', class: 'IN' }],
        answers: [],
        authorities: [],
        additionals: [],
      },
    );
  });

  it('is as small as RFC 1035 lets it be', () => {
    assert.equal(query.message.length, 12 + query.name.length + 2 + 4);
    assert.equal(encodeQuery({ ...query, name: '' }).message.length, 12 + 1 + 4);
  });

  it('keeps queries with the same question apart, and questions with the same name', () => {
    const ids = [0, 1, 0x0100, 0xffff];
    const queries = ids.flatMap((id) =>
      (['A', 'AAAA'] as const).map((type) => encodeQuery({ id, name: 'twice.example', type })),
    );
    const decoded = queries.map(({ message }) => packet.decode(message));
    assert.deepEqual(
      decoded.map(({ id, questions }) => [id, questions?.[0]?.type]),
      ids.flatMap((id) => [
        [id, 'A'],
        [id, 'AAAA'],
      ]),
    );
    const [first, , other] = queries;
    assert.equal(judgeMessage(goodAnswer(receivedAs(first!)), other!), undefined, 'the id of another query');
  });

  it('encodes any number of questions', () => {
    for (const round of [1, 2])
      for (let n = 0; n < 600; n++) {
        const { message } = encodeQuery({ id: round, name: `name-${n}.example`, type: 'A' });
        const { id, questions } = packet.decode(message);
        assert.deepEqual([id, questions?.[0]?.name], [round, `name-${n}.example`]);
      }
  });
});

describe('judgeMessage', () => {
  it('knows an answer', () => {
    assert.equal(judgeMessage(goodAnswer(received), query), 'answered');
    const v6 = { ...query, type: 'AAAA' } as const;
    assert.equal(judgeMessage(goodAnswer(receivedAs(v6)), encodeQuery(v6)), 'answered');
  });

  it('does not mind the case of a name', () => {
    const name = query.name.toUpperCase();
    assert.equal(judge({ name, answers: [addressRecord(name, 'A')] }), 'answered');
    assert.equal(judgeMessage(goodAnswer(received), encodeQuery({ ...query, name })), 'answered');
  });

  const others: [string, Deviation][] = [
    ['another id', { id: 0xbee0 }],
    ['another name', { name: 'evil.example.com' }],
    ['another type', { type: 'AAAA' }],
    ['another class', { class: 'CH' }],
    ['no question', { questions: [] }],
    ['another opcode', { flags: 4 << 11 }],
  ];
  for (const [what, deviation] of others)
    it(`passes over a message with ${what}`, () => {
      assert.equal(judgeMessage(goodAnswer(received, deviation), query), undefined);
    });

  it('passes over the query itself, and what is too short for a header', () => {
    assert.equal(judgeMessage(received.message, query), undefined);
    for (let length = 0; length < 12; length++)
      assert.equal(judgeMessage(goodAnswer(received).subarray(0, length), query), undefined);
  });

  for (let rcode = 1; rcode < 16; rcode++) {
    const verdict = { 2: 'servfail', 3: 'nxdomain' }[rcode] ?? 'rcode';
    it(`calls rcode ${rcode} ${verdict}, also without a question`, () => {
      assert.equal(judge({ rcode }), verdict);
      assert.equal(judge({ rcode, questions: [] }), verdict);
    });
  }

  it('calls a message with the TC bit truncated, wherever it is cut', () => {
    const truncated = goodAnswer(received, { flags: packet.TRUNCATED_RESPONSE });
    for (let length = received.message.length; length <= truncated.length; length++)
      assert.equal(judgeMessage(truncated.subarray(0, length), query), 'truncated');
  });

  it('calls an answer that breaks off malformed', () => {
    const whole = goodAnswer(received);
    for (let length = received.message.length; length < whole.length; length++)
      assert.equal(judgeMessage(whole.subarray(0, length), query), 'malformed', `${length} octets`);
  });

  it('calls an answer whose names point forward malformed', () => {
    const message = goodAnswer(received);
    const owner = received.message.length;
    message.writeUInt16BE(0xc000 | owner, owner);
    assert.equal(judgeMessage(message, query), 'malformed');
  });

  it('calls an answer without records of the type no data', () => {
    assert.equal(judge({}), 'nodata');
    assert.equal(judge({ answers: [addressRecord(query.name, 'AAAA')] }), 'nodata');
    assert.equal(judge({ answers: [{ name: query.name, type: 'TXT', data: 'x', class: 'IN' }] }), 'nodata');
    assert.equal(judge({ answers: [{ ...addressRecord(query.name, 'A'), class: 'CH' } as Answer] }), 'nodata');
  });

  it('takes no address of somebody else', () => {
    assert.equal(judge({ answers: [addressRecord('evil.example.com', 'A')] }), 'nodata');
  });

  it('follows CNAMEs to an address, in any order', () => {
    const chain = [alias(query.name, 'B.example.com'), alias('b.example.com', 'c'), addressRecord('c', 'A')];
    assert.equal(judge({ answers: chain }), 'answered');
    assert.equal(judge({ answers: chain.toReversed() }), 'answered');
  });

  it('calls CNAMEs that lead nowhere, or in a circle, no data', () => {
    assert.equal(judge({ answers: [alias(query.name, 'b')] }), 'nodata');
    assert.equal(
      judge({ answers: [alias(query.name, 'b'), alias('b', query.name), addressRecord('c', 'A')] }),
      'nodata',
    );
  });

  it('never fails and never believes random octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => judgeMessage(Buffer.from(bytes), query) === undefined),
      { numRuns: 2_000 },
    );
  });

  it('never fails on random octets behind a header and question that are right', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.uint8Array({ maxLength: 600 }), (answers, bytes) => {
        const head = answer(received);
        head.writeUInt16BE(answers, 6);
        return ['answered', 'nodata', 'malformed'].includes(judgeMessage(Buffer.concat([head, bytes]), query)!);
      }),
      { numRuns: 2_000 },
    );
  });

  it('never fails on an answer with octets changed', () => {
    const verdicts = ['answered', 'nodata', 'malformed', 'truncated', 'rcode', 'servfail', 'nxdomain', undefined];
    const whole = goodAnswer(received);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
        const message = Buffer.from(whole);
        for (const [offset, value] of changes) message[offset] = value;
        return verdicts.includes(judgeMessage(message, query));
      }),
      { numRuns: 2_000 },
    );
  });
});
