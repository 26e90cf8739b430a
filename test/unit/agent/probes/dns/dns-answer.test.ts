import assert from 'node:assert/strict';
import { test } from 'node:test';
import packet, { type Answer } from 'dns-packet';
import fc from 'fast-check';
import { readAnswer } from '../../../../../src/agent/probes/dns/dns-answer.ts';
import { encodeQuery, judgeMessage } from '../../../../../src/agent/probes/dns/dns-message.ts';

function message(answers: Answer[], additionals: Answer[] = []): Buffer {
  return packet.encode({
    type: 'response',
    id: 1,
    questions: [{ name: 'a.example', type: 'A' }],
    answers,
    additionals,
  });
}

const isSound = (octets: Buffer) => readAnswer(octets, 'A') !== undefined;
const ipv4: Answer = { name: 'a.example', type: 'A', data: '10.0.0.1', ttl: 5 };
const ipv6: Answer = { name: 'a.example', type: 'AAAA', data: 'fd00::1', ttl: 5 };
const text: Answer = { name: 'b.example', type: 'TXT', data: 'x'.repeat(100), ttl: 5 };
/** The length of the last record's data is in the two octets before it. */
const withLength = (octets: Buffer, dataBytes: number, length: number) => {
  const changed = Buffer.from(octets);
  changed.writeUInt16BE(length, changed.length - dataBytes - 2);
  return changed;
};

test('the records of the type and the aliases are found, with pointers in names too', () => {
  for (const sound of [message([]), message([ipv4]), message([ipv6, text, ipv4]), message([ipv4], [text, ipv6])])
    assert.equal(isSound(sound), true);
  const pointing = Buffer.concat([
    message([]),
    Buffer.from('c00c00010001000000050004', 'hex'),
    Buffer.from([10, 0, 0, 1]),
  ]);
  pointing.writeUInt16BE(1, 6);
  assert.deepEqual([...readAnswer(pointing, 'A')!.owners], ['\x01a\x07example\x00']);
});

test('a message that is cut off is malformed, wherever it is cut', () => {
  const whole = message([text, ipv6], [ipv4]);
  for (let length = 12; length < whole.length; length++)
    assert.equal(isSound(whole.subarray(0, length)), false, `${length} octets`);
});

test('an address of another length is malformed, also if all is there', () => {
  for (const length of [0, 3, 5, 16, 200]) {
    assert.equal(isSound(withLength(message([ipv4]), 4, length)), false, `A of ${length}`);
    const longer = Buffer.concat([withLength(message([ipv4]), 4, length), Buffer.alloc(300)]);
    assert.equal(isSound(longer), false, `A of ${length}, with octets behind it`);
  }
  for (const length of [0, 4, 15, 17]) assert.equal(isSound(withLength(message([ipv6]), 16, length)), false);
});

test('each count of the header is checked against the length of the message', () => {
  for (const at of [4, 6, 8, 10])
    for (const count of [2, 100, 0xffff]) {
      const changed = message([ipv4]);
      changed.writeUInt16BE(count, at);
      assert.equal(isSound(changed), false, `${count} at ${at}`);
    }
});

test('random octets never fail', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 12, maxLength: 600 }), (octets) => {
      readAnswer(Buffer.from(octets), 'A');
    }),
  );
});

const query = encodeQuery({ id: 1, name: 'a.example', type: 'A' });
const question = Buffer.from('0161076578616d706c650000010001', 'hex');
const records = 12 + question.length;

function header(questions: number, answers: number): Buffer {
  const octets = Buffer.from('000181800000000000000000', 'hex');
  octets.writeUInt16BE(questions, 4);
  octets.writeUInt16BE(answers, 6);
  return octets;
}

const pointer = (to: number) => Buffer.from([0xc0 | (to >> 8), to & 0xff]);
/** 126 labels, as many as a name may have. */
const longest = Buffer.concat([...Array.from({ length: 126 }, () => Buffer.from([1, 97])), Buffer.from([0])]);
const alias = (name: Buffer, data: Buffer) =>
  Buffer.concat([name, Buffer.from('00050001000000050000', 'hex').subarray(0, 8), Buffer.from([0, data.length]), data]);

/** As many aliases as fit, each with names that are chosen to cost most. */
function aliases(nameOf: (index: number) => Buffer): Buffer {
  const parts = [alias(longest, pointer(12))];
  let bytes = records + parts[0]!.length;
  for (let index = 0; ; index++) {
    const next = alias(nameOf(index), nameOf(index + 1));
    bytes += next.length;
    if (bytes > 65_535) break;
    parts.push(next);
  }
  return Buffer.concat([header(1, parts.length), question, ...parts]);
}

const costly: [string, Buffer][] = [
  [
    '10,878 questions that point to a long name',
    Buffer.concat([
      header(10_878, 0),
      ...[longest, Buffer.from('00010001', 'hex')],
      ...Array.from({ length: 10_877 }, () => Buffer.from('c00c00010001', 'hex')),
    ]),
  ],
  ['aliases that all point to a long name', aliases(() => pointer(records))],
  ['aliases that point into a long name', aliases((index) => pointer(records + 2 * (index % 120)))],
  [
    'aliases with a label of their own before a long name',
    aliases((index) => Buffer.concat([Buffer.from([1, index & 0xff]), pointer(records + 2)])),
  ],
  [
    'records of a type with a bitmap that names all types',
    Buffer.concat([
      header(1, 1),
      ...[
        question,
        Buffer.from('c00c002f000100000005', 'hex'),
        Buffer.from([0xfc, 0x00, 0]),
        Buffer.alloc(0xfbff, 0xff),
      ],
    ]),
  ],
];

for (const [what, octets] of costly)
  test(`a resolver cannot block the agent with ${what}`, () => {
    assert.ok(octets.length > 60_000 && octets.length <= 65_535, `${octets.length}`);
    const before = process.cpuUsage();
    for (let times = 0; times < 20; times++) assert.notEqual(judgeMessage(octets, query), 'answered');
    const { user, system } = process.cpuUsage(before);
    const ms = (user + system) / 1000 / 20;
    assert.ok(ms < 50, `${ms} ms for each message`);
  });
