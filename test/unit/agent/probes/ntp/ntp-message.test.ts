import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  compareClocks,
  encodeRequest,
  judgeAnswer,
  ntpTimestamp,
  type ServerTime,
} from '../../../../../src/agent/probes/ntp/ntp-message.ts';
import { type NtpFields, ntpAnswer, timestampOf } from '../../servers/ntp-server.ts';

const cookie = 0x0123_4567_89ab_cdefn;
const request = encodeRequest(cookie);
const judge = (deviation: Partial<NtpFields> = {}) => judgeAnswer(ntpAnswer(request, deviation), cookie);
const malformed = { kind: 'failure', reason: 'malformed' };
const unsynchronized = { kind: 'failure', reason: 'unsynchronized' };
const second = 2n ** 32n;

describe('encodeRequest', () => {
  it('says nothing of this machine: version, mode, no precision and the cookie', () => {
    const bytes = Buffer.alloc(48);
    bytes[0] = 0x23;
    bytes[3] = 32;
    bytes.writeBigUInt64BE(cookie, 40);
    assert.deepEqual(request, bytes);
  });
});

describe('judgeAnswer', () => {
  it('knows the time of a synchronised server, of version 4 and 3, at any stratum', () => {
    for (const version of [3, 4])
      for (const stratum of [1, 2, 15]) {
        const verdict = judge({
          version,
          stratum,
          receive: 7n * second,
          transmit: 8n * second,
          referenceTimestamp: 0n,
        });
        assert.deepEqual(verdict, {
          kind: 'time',
          stratum,
          receivedAt: 7n * second,
          sentAt: 8n * second,
          precisionSeconds: 2 ** -20,
        });
      }
  });

  it('knows it while a leap second is announced', () => {
    for (const leap of [1, 2]) assert.equal(judge({ leap })?.kind, 'time');
  });

  it('passes over the header’s extension fields and MAC', () => {
    const answer = Buffer.concat([ntpAnswer(request), Buffer.alloc(20, 7)]);
    assert.equal(judgeAnswer(answer, cookie)?.kind, 'time');
  });

  it('passes over what does not bring the cookie back, the request itself among it, and what is too short', () => {
    assert.equal(judge({ origin: cookie ^ 1n }), undefined);
    assert.equal(judge({ origin: 0n }), undefined);
    assert.equal(judgeAnswer(request, cookie), undefined);
    for (let length = 0; length < 48; length++)
      assert.equal(judgeAnswer(ntpAnswer(request).subarray(0, length), cookie), undefined);
  });

  it('passes over a kiss that does not bring the cookie back: anyone can send that', () => {
    assert.equal(judge({ stratum: 0, reference: 'DENY', origin: 0n }), undefined);
  });

  const broken: [string, Partial<NtpFields>][] = [
    ...[0, 1, 2, 3, 5, 6, 7].map((mode): [string, Partial<NtpFields>] => [`mode ${mode}`, { mode }]),
    ...[0, 1, 2, 5, 6, 7].map((version): [string, Partial<NtpFields>] => [`version ${version}`, { version }]),
    ['no time of sending', { transmit: 0n }],
    ['no time of receiving', { receive: 0n }],
    ['an answer sent before the request came', { receive: 9n * second, transmit: 9n * second - 1n }],
  ];
  for (const [what, deviation] of broken)
    it(`calls an answer with ${what} malformed`, () => assert.deepEqual(judge(deviation), malformed));

  it('calls an answer with a piece of a word behind it malformed', () => {
    for (const extra of [1, 2, 3])
      assert.deepEqual(judgeAnswer(Buffer.concat([ntpAnswer(request), Buffer.alloc(extra)]), cookie), malformed);
  });

  const unset: [string, Partial<NtpFields>][] = [
    ['leap 3', { leap: 3 }],
    ['stratum 16', { stratum: 16 }],
    ['stratum 255', { stratum: 255 }],
    ['a root delay of 32 s', { rootDelay: 32, rootDispersion: 0 }],
    ['a root dispersion of 16 s', { rootDelay: 0, rootDispersion: 16 }],
    ['a root distance of 16 s in all', { rootDelay: 16, rootDispersion: 8 }],
    [
      'a clock that was last set after now',
      { transmit: 9n * second, receive: 9n * second, referenceTimestamp: 10n * second },
    ],
    ['stratum 0 and no code', { stratum: 0, leap: 3, reference: '\0\0\0\0' }],
    ['stratum 0 and INIT', { stratum: 0, leap: 3, reference: 'INIT' }],
    ['stratum 0 and STEP', { stratum: 0, reference: 'STEP' }],
  ];
  for (const [what, deviation] of unset)
    it(`calls a server with ${what} unsynchronised`, () => assert.deepEqual(judge(deviation), unsynchronized));

  it('takes a root distance just below 16 s', () => {
    assert.equal(judge({ rootDelay: 16, rootDispersion: 7.99 })?.kind, 'time');
  });

  it('tells kisses by their code, those it does not know as one', () => {
    // Their times say nothing (RFC 5905 §7.4).
    for (const [reference, code] of [
      ['RATE', 'RATE'],
      ['DENY', 'DENY'],
      ['RSTR', 'RSTR'],
      ['NKEY', 'other'],
      ['X123', 'other'],
    ] as const)
      assert.deepEqual(judge({ stratum: 0, leap: 3, reference, transmit: 0n, receive: 0n }), { kind: 'kiss', code });
  });

  it('never fails and never believes random octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => judgeAnswer(Buffer.from(bytes), cookie) === undefined),
      { numRuns: 2_000 },
    );
  });

  it('never fails on random octets around the cookie, and takes a time only from where every field is sound', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 48, maxLength: 100 }), (bytes) => {
        const message = Buffer.from(bytes);
        message.writeBigUInt64BE(cookie, 24);
        const verdict = judgeAnswer(message, cookie)!;
        if (verdict.kind !== 'time') return true;
        const [leap, mode, stratum] = [message[0]! >> 6, message[0]! & 7, message[1]!];
        return leap < 3 && mode === 4 && stratum >= 1 && stratum <= 15 && message.readBigUInt64BE(40) !== 0n;
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('ntpTimestamp', () => {
  it('counts from 1900, and from the beginning of an era again after its end', () => {
    // RFC 5905 figure 4: 1970-01-01, 2000-01-01, the first day of era 1.
    for (const [date, secondsOfEra] of [
      ['1970-01-01T00:00:00Z', 2_208_988_800n],
      ['2000-01-01T00:00:00Z', 3_155_673_600n],
      ['2036-02-07T06:28:15Z', 2n ** 32n - 1n],
      ['2036-02-07T06:28:16Z', 0n],
      ['2036-02-08T00:00:00Z', 63_104n],
    ] as const)
      assert.equal(ntpTimestamp(BigInt(Date.parse(date)) * 1_000_000n), secondsOfEra * second, date);
  });

  it('is what the wire carries', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.parse('2150-01-01') }), (milliseconds) => {
        const difference = ntpTimestamp(BigInt(milliseconds) * 1_000_000n) - timestampOf(milliseconds);
        // The other one computes with doubles.
        return difference > -10_000n && difference < 10_000n;
      }),
    );
  });
});

describe('compareClocks', () => {
  const precisionSeconds = 2 ** -20;
  const nanoseconds = (value: number) => BigInt(Math.round(value * 1e9));
  /** An exchange of which everything is known: all in seconds, `at` since 1970. */
  const exchange = (at: number, offset: number, there: number, taken: number, back: number) => {
    const sentAt = BigInt(at) * 1_000_000_000n;
    const reached = sentAt + nanoseconds(there);
    const left = reached + nanoseconds(taken);
    const server: ServerTime = {
      kind: 'time',
      stratum: 1,
      receivedAt: ntpTimestamp(reached + nanoseconds(offset)),
      sentAt: ntpTimestamp(left + nanoseconds(offset)),
      precisionSeconds,
    };
    return compareClocks({ sentAt, receivedAt: left + nanoseconds(back) }, server);
  };
  const eraEnds = Date.parse('2036-02-07T06:28:16Z') / 1000;
  const near = (actual: number, expected: number, allowed = 1e-6) =>
    assert.ok(Math.abs(actual - expected) <= allowed, `${actual}, not ${expected}`);

  it('finds the offset and the time under way, at any time, also when an era ends between the two clocks', () => {
    const duration = fc.double({ min: 0, max: 2, noNaN: true });
    // Up to 34 years, so that the time lies well within half an era.
    const offset = fc.oneof(
      fc.double({ min: -1e9, max: 1e9, noNaN: true }),
      fc.double({ min: -5, max: 5, noNaN: true }),
    );
    const at = fc.oneof(
      fc.integer({ min: eraEnds - 10, max: eraEnds + 10 }),
      fc.integer({ min: 0, max: 6_000_000_000 }),
    );
    fc.assert(
      fc.property(at, offset, duration, duration, (when, offsetSeconds, way, taken) => {
        const compared = exchange(when, offsetSeconds, way, taken, way)!;
        near(compared.offsetSeconds, offsetSeconds);
        near(compared.delaySeconds, 2 * way);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is off by no more than half of the time under way, however unlike the ways are', () => {
    const way = fc.double({ min: 0, max: 2, noNaN: true });
    fc.assert(
      fc.property(way, way, (there, back) => {
        const { offsetSeconds, delaySeconds } = exchange(1_800_000_000, 0.5, there, 0.1, back)!;
        near(offsetSeconds, 0.5, delaySeconds / 2 + 1e-6);
      }),
    );
  });

  it('does not believe a server that took longer than the whole exchange, but for what its clock may be read wrongly by', () => {
    const times = { sentAt: 1_800_000_000_000_000_000n, receivedAt: 1_800_000_000_001_000_000n };
    const server = (taken: bigint, precision: number): ServerTime => ({
      kind: 'time',
      stratum: 1,
      receivedAt: ntpTimestamp(times.sentAt),
      sentAt: ntpTimestamp(times.sentAt) + taken,
      precisionSeconds: precision,
    });
    assert.equal(compareClocks(times, server(second / 10n, precisionSeconds)), undefined);
    assert.ok(compareClocks(times, server(second / 2000n, precisionSeconds)));
    // Ten milliseconds and a little are no contradiction for a clock that ticks 64 times a second.
    assert.ok(compareClocks(times, server(second / 100n, 2 ** -6)));
  });
});
