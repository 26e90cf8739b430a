import assert from 'node:assert/strict';
import { test } from 'node:test';
import packet, { type Answer } from 'dns-packet';
import fc from 'fast-check';
import { recordLengthsAddUp } from '../../../../../src/agent/probes/dns/dns-record-lengths.ts';

function message(answers: Answer[], additionals: Answer[] = []): Buffer {
  return packet.encode({
    type: 'response',
    id: 1,
    questions: [{ name: 'a.example', type: 'A' }],
    answers,
    additionals,
  });
}

const ipv4: Answer = { name: 'a.example', type: 'A', data: '10.0.0.1', ttl: 5 };
const ipv6: Answer = { name: 'a.example', type: 'AAAA', data: 'fd00::1', ttl: 5 };
const text: Answer = { name: 'b.example', type: 'TXT', data: 'x'.repeat(100), ttl: 5 };
/** Of the last record: the length of the data is in the two octets before it. */
const withLength = (octets: Buffer, dataBytes: number, length: number) => {
  const changed = Buffer.from(octets);
  changed.writeUInt16BE(length, changed.length - dataBytes - 2);
  return changed;
};

test('what an encoder writes adds up, with pointers in its names too', () => {
  for (const sound of [message([]), message([ipv4]), message([ipv6, text, ipv4]), message([ipv4], [text, ipv6])])
    assert.equal(recordLengthsAddUp(sound), true);
  const pointing = Buffer.concat([
    message([]),
    Buffer.from('c00c00010001000000050004', 'hex'),
    Buffer.from([10, 0, 0, 1]),
  ]);
  pointing.writeUInt16BE(1, 6);
  assert.equal(recordLengthsAddUp(pointing), true);
});

test('what is cut off does not, wherever it is cut', () => {
  const whole = message([text, ipv6], [ipv4]);
  for (let length = 0; length < whole.length; length++)
    assert.equal(recordLengthsAddUp(whole.subarray(0, length)), false, `${length} octets`);
});

test('an address of another length is none, though all is there', () => {
  for (const length of [0, 3, 5, 16, 200]) {
    assert.equal(recordLengthsAddUp(withLength(message([ipv4]), 4, length)), false, `A of ${length}`);
    const longer = Buffer.concat([withLength(message([ipv4]), 4, length), Buffer.alloc(300)]);
    assert.equal(recordLengthsAddUp(longer), false, `A of ${length}, with octets behind it`);
  }
  for (const length of [0, 4, 15, 17]) assert.equal(recordLengthsAddUp(withLength(message([ipv6]), 16, length)), false);
});

test('any octets are judged', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 600 }),
      (octets) => typeof recordLengthsAddUp(Buffer.from(octets)) === 'boolean',
    ),
  );
});
