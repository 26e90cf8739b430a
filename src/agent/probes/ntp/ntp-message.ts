import { type KissCode, kissCodes } from '../../../contract/kiss-codes.ts';
import type { ExchangeTimes } from '../udp-exchange.ts';

/** The time as a synchronised server tells it. Timestamps are in units of 2⁻³² s since 1900, modulo 2⁶⁴ (an era, 136 years). */
export interface ServerTime {
  kind: 'time';
  /** 1 to 15. */
  stratum: number;
  /** When the server had received the request. */
  receivedAt: bigint;
  /** When the server sent the answer; never before `receivedAt`. */
  sentAt: bigint;
  /** How exactly the server reads its clock, in seconds. */
  precisionSeconds: number;
}

/** What an answer says: the time, a kiss (the server wants to be asked less or not at all), or nothing of use. */
export type NtpVerdict =
  | ServerTime
  | { kind: 'kiss'; code: KissCode }
  | { kind: 'failure'; reason: 'malformed' | 'unsynchronized' };

const headerBytes = 48;
const version = 4;
const clientMode = 3;
const serverMode = 4;
const leapUnsynchronized = 3;
const maxStratum = 15;
/** MAXDISP (RFC 5905 §7.2): a server that may be off by so much is not synchronised. In seconds. */
const maxRootDistanceSeconds = 16;
/** Not a precision: a client that reads only its answers has none to tell. */
const noPrecision = 32;
/** From 1900 to 1970, in seconds (RFC 5905 §6). */
const unixEpochSeconds = 2_208_988_800n;
const nanosecondsPerSecond = 1_000_000_000n;
const timestampBits = 64;
const fractionBits = 32n;

const malformed = { kind: 'failure', reason: 'malformed' } as const;
const unsynchronized = { kind: 'failure', reason: 'unsynchronized' } as const;

/**
 * Writes a request (RFC 5905 §7.3): version 4, client mode, and nothing that tells anything of this machine
 * (draft-ietf-ntp-data-minimization §4): the transmit timestamp is a random number, which the answer brings back.
 * @param cookie 64 random bits
 */
export function encodeRequest(cookie: bigint): Buffer {
  const request = Buffer.alloc(headerBytes);
  request[0] = (version << 3) | clientMode;
  request[3] = noPrecision;
  request.writeBigUInt64BE(cookie, 40);
  return request;
}

/**
 * Judges one message that came from the server that was asked, by the tests of RFC 5905 §8 and appendix A.5.1.1. Never throws. What follows
 * the header (extension fields, a MAC) is passed over.
 * @returns undefined when the message is not the answer: it does not bring the cookie back, or is too short to
 */
export function judgeAnswer(message: Buffer, cookie: bigint): NtpVerdict | undefined {
  if (message.length < headerBytes || message.readBigUInt64BE(24) !== cookie) return undefined;
  const first = message[0]!;
  const [leap, answerVersion, mode] = [first >> 6, (first >> 3) & 7, first & 7];
  // Extension fields and MACs come in words (RFC 7822 §7.5).
  if (mode !== serverMode || answerVersion < 3 || answerVersion > version || message.length % 4 !== 0) return malformed;
  const stratum = message[1]!;
  if (stratum === 0) return judgeUnspecified(message.toString('latin1', 12, 16));
  const rootDistance = message.readUInt32BE(4) / 0x1_0000 / 2 + message.readUInt32BE(8) / 0x1_0000;
  if (leap === leapUnsynchronized || stratum > maxStratum || rootDistance >= maxRootDistanceSeconds)
    return unsynchronized;
  const [setAt, receivedAt, sentAt] = [16, 32, 40].map((offset) => message.readBigUInt64BE(offset)) as [
    bigint,
    bigint,
    bigint,
  ];
  if (receivedAt === 0n || sentAt === 0n || difference(sentAt, receivedAt) < 0n) return malformed;
  // A clock last set after now; servers that tell as little as they can leave it out.
  if (setAt !== 0n && difference(sentAt, setAt) < 0n) return unsynchronized;
  return { kind: 'time', stratum, receivedAt, sentAt, precisionSeconds: 2 ** Math.min(message.readInt8(3), 0) };
}

/** What the server's clock shows against this machine's. */
export interface Comparison {
  /** How far this machine's clock is behind the server's, in seconds; below zero when it is ahead. */
  offsetSeconds: number;
  /** How long the request and the answer were under way, without the server's part, in seconds. */
  delaySeconds: number;
}

/**
 * Compares both clocks (RFC 5905 §8, offset θ and delay δ), across eras: right as long as they differ by less than 68 years.
 * @param times when the request went and the answer came, by this machine's clock
 * @returns undefined when the server claims to have taken longer than the whole exchange did: then one of its times is wrong
 */
export function compareClocks(times: ExchangeTimes, server: ServerTime): Comparison | undefined {
  const [sentAt, receivedAt] = [ntpTimestamp(times.sentAt), ntpTimestamp(times.receivedAt)];
  const [there, back] = [difference(server.receivedAt, sentAt), difference(server.sentAt, receivedAt)];
  const delaySeconds = seconds(there - back);
  if (delaySeconds < -server.precisionSeconds) return undefined;
  return { offsetSeconds: seconds(there + back) / 2, delaySeconds };
}

/** A time of CLOCK_REALTIME, in nanoseconds since 1970, as an NTP timestamp. */
export function ntpTimestamp(nanoseconds: bigint): bigint {
  const since1900 = nanoseconds + unixEpochSeconds * nanosecondsPerSecond;
  return BigInt.asUintN(timestampBits, (since1900 << fractionBits) / nanosecondsPerSecond);
}

/**
 * A stratum of 0 carries a code of four letters in place of a reference: a kiss. INIT and STEP only say that the server's clock is not set
 * yet, and so does a reference that is no code.
 */
function judgeUnspecified(code: string): NtpVerdict {
  if (!/^[A-Z0-9]{4}$/.test(code) || code === 'INIT' || code === 'STEP') return unsynchronized;
  return { kind: 'kiss', code: kissCodes.find((known) => known === code) ?? 'other' };
}

/** `a` − `b`, the shorter way round the era. */
function difference(a: bigint, b: bigint): bigint {
  return BigInt.asIntN(timestampBits, a - b);
}

function seconds(units: bigint): number {
  return Number(units) / 2 ** Number(fractionBits);
}
