import { type KissCode, kissCodes } from '../../../contract/kiss-codes.ts';
import type { ExchangeTimes } from '../udp-exchange.ts';

/** The time of a synchronised server. Timestamps are in units of 2⁻³² s since 1900, modulo 2⁶⁴ (an era, 136 years). */
export interface ServerTime {
  kind: 'time';
  /** 1 to 15. */
  stratum: number;
  /** Time at which the server received the request. */
  receivedAt: bigint;
  /** Time at which the server sent the answer; not before `receivedAt`. */
  sentAt: bigint;
  /** Precision of the clock of the server, in seconds. */
  precisionSeconds: number;
}

/** Content of an answer: the time, a kiss code (fewer requests or none), or nothing usable. */
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
/** MAXDISP (RFC 5905 §7.2), in seconds: a server that can be off by this much is not synchronised. */
const maxRootDistanceSeconds = 16;
/** Placeholder: a client has no precision to report. */
const noPrecision = 32;
/** From 1900 to 1970, in seconds (RFC 5905 §6). */
const unixEpochSeconds = 2_208_988_800n;
const nanosecondsPerSecond = 1_000_000_000n;
const timestampBits = 64;
const fractionBits = 32n;

const malformed = { kind: 'failure', reason: 'malformed' } as const;
const unsynchronized = { kind: 'failure', reason: 'unsynchronized' } as const;

/**
 * Encodes a request (RFC 5905 §7.3): version 4, client mode, and nothing that identifies this machine
 * (draft-ietf-ntp-data-minimization §4). The transmit timestamp is a random number that the answer must return.
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
 * Validates a message from the queried server as in RFC 5905 §8 and appendix A.5.1.1. Never throws. Ignores what
 * follows the header (extension fields, a MAC).
 * @returns undefined if the message is not the answer: it does not return the cookie or is too short
 */
export function judgeAnswer(message: Buffer, cookie: bigint): NtpVerdict | undefined {
  if (message.length < headerBytes || message.readBigUInt64BE(24) !== cookie) return undefined;
  const first = message[0]!;
  const [leap, answerVersion, mode] = [first >> 6, (first >> 3) & 7, first & 7];
  // Extension fields and MACs are multiples of 4 bytes (RFC 7822 §7.5).
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
  // Reference timestamp in the future. Servers that minimise data leave it out.
  if (setAt !== 0n && difference(sentAt, setAt) < 0n) return unsynchronized;
  return { kind: 'time', stratum, receivedAt, sentAt, precisionSeconds: 2 ** Math.min(message.readInt8(3), 0) };
}

/** Result of comparing the server's clock with this machine's. */
export interface Comparison {
  /** Offset in seconds: positive if this machine's clock is behind, negative if it is ahead. */
  offsetSeconds: number;
  /** Network time of request and answer without the processing time of the server, in seconds. */
  delaySeconds: number;
}

/**
 * Compares both clocks (RFC 5905 §8, offset θ and delay δ), across eras. Correct if they differ by less than 68 years.
 * @param times of the request and the answer by this machine's clock
 * @returns undefined if the processing time claimed by the server is longer than the whole exchange, so one of its
 *   timestamps is wrong
 */
export function compareClocks(times: ExchangeTimes, server: ServerTime): Comparison | undefined {
  const [sentAt, receivedAt] = [ntpTimestamp(times.sentAt), ntpTimestamp(times.receivedAt)];
  const [there, back] = [difference(server.receivedAt, sentAt), difference(server.sentAt, receivedAt)];
  const delaySeconds = seconds(there - back);
  if (delaySeconds < -server.precisionSeconds) return undefined;
  return { offsetSeconds: seconds(there + back) / 2, delaySeconds };
}

/** Converts CLOCK_REALTIME (nanoseconds since 1970) to an NTP timestamp. */
export function ntpTimestamp(nanoseconds: bigint): bigint {
  const since1900 = nanoseconds + unixEpochSeconds * nanosecondsPerSecond;
  return BigInt.asUintN(timestampBits, (since1900 << fractionBits) / nanosecondsPerSecond);
}

/**
 * At stratum 0, the reference ID is a four-letter code, the kiss code. INIT and STEP only say that the clock of the
 * server is not set yet; so does a reference ID that is not a code.
 */
function judgeUnspecified(code: string): NtpVerdict {
  if (!/^[A-Z0-9]{4}$/.test(code) || code === 'INIT' || code === 'STEP') return unsynchronized;
  return { kind: 'kiss', code: kissCodes.find((known) => known === code) ?? 'other' };
}

/** `a` − `b`, the shorter way around the era. */
function difference(a: bigint, b: bigint): bigint {
  return BigInt.asIntN(timestampBits, a - b);
}

function seconds(units: bigint): number {
  return Number(units) / 2 ** Number(fractionBits);
}
