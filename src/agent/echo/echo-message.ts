/** Size of the shortest packet, the header, in bytes of UDP payload. All sizes here are. */
export const minEchoBytes = 32;

/** Size of the longest packet that is answered: with its headers it fills an IPv4 packet of 1500 bytes. */
export const maxEchoBytes = 1472;

/** Highest sequence number of a packet within a turn. */
export const maxEchoSequence = 31;

/** Identifies a request. */
export interface EchoRequest {
  /** From 0 to `maxEchoSequence`, in the order of sending. */
  sequence: number;
  /** Increases with each turn of a prober. */
  turn: bigint;
  /** 8 random bytes, chosen when the prober starts to probe this peer. */
  prober: Uint8Array;
}

/** What the peer had received from a prober when it answered. */
export interface EchoReceipt {
  /**
   * Random, chosen when the peer started to count the requests of this prober. Receipts with different values cannot be
   * compared.
   */
  counting: number;
  /** Number of distinct requests received from the prober, including the answered one. */
  received: number;
}

const magic = Buffer.from('NXEC');
const version = 1;
const kinds = { request: 1, answer: 2 } as const;

const kindOffset = 5;
const sequenceOffset = 6;
const countingOffset = 8;
const receivedOffset = 12;
const turnOffset = 16;
const proberOffset = 24;

/** Everything before the kind, and after the header. */
const head = Buffer.of(...magic, version);
const padding = Buffer.alloc(maxEchoBytes - minEchoBytes);

/**
 * Writes a request of the UDP echo (docs/udp-echo.md). Numbers are big-endian; request and answer have the same length:
 *
 * | octets | request | answer |
 * |---|---|---|
 * | 0–3 | `NXEC` | `NXEC` |
 * | 4 | version, 1 | the same |
 * | 5 | kind, 1 | kind, 2 |
 * | 6 | sequence | the same |
 * | 7 | 0 | 0 |
 * | 8–11 | 0 | counting |
 * | 12–15 | 0 | received |
 * | 16–23 | turn | the same |
 * | 24–31 | prober | the same |
 * | 32– | zeros | zeros |
 *
 * An answer is not a valid request, so two responders never answer each other.
 * @param size bytes of the packet, from `minEchoBytes` to `maxEchoBytes`
 */
export function encodeEchoRequest({ sequence, turn, prober }: EchoRequest, size: number): Buffer {
  const message = Buffer.alloc(size);
  head.copy(message);
  message[kindOffset] = kinds.request;
  message[sequenceOffset] = sequence;
  message.writeBigUInt64BE(turn, turnOffset);
  message.set(prober, proberOffset);
  return message;
}

/** Parses a request. @returns undefined if it is not a valid request */
export function readEchoRequest(message: Buffer): EchoRequest | undefined {
  if (!isEcho(message, kinds.request)) return undefined;
  const sequence = message[sequenceOffset]!;
  if (sequence > maxEchoSequence) return undefined;
  if (!isZero(message, countingOffset, turnOffset)) return undefined;
  return {
    sequence,
    turn: message.readBigUInt64BE(turnOffset),
    prober: message.subarray(proberOffset, minEchoBytes),
  };
}

/** Turns a request into its answer, in place. */
export function makeEchoAnswer(request: Buffer, { counting, received }: EchoReceipt): void {
  request[kindOffset] = kinds.answer;
  request.writeUInt32BE(counting, countingOffset);
  request.writeUInt32BE(received, receivedOffset);
}

/**
 * Parses the answer to a request. @returns undefined if `message` is forged, answers another request, or is not an
 * answer
 */
export function readEchoAnswer(message: Buffer, request: Buffer): EchoReceipt | undefined {
  if (message.length !== request.length || !isEcho(message, kinds.answer)) return undefined;
  if (message[sequenceOffset] !== request[sequenceOffset]) return undefined;
  if (message.compare(request, turnOffset, minEchoBytes, turnOffset, minEchoBytes) !== 0) return undefined;
  return { counting: message.readUInt32BE(countingOffset), received: message.readUInt32BE(receivedOffset) };
}

function isEcho(message: Buffer, kind: number): boolean {
  return (
    message.length >= minEchoBytes &&
    message.length <= maxEchoBytes &&
    message.compare(head, 0, head.length, 0, head.length) === 0 &&
    message[kindOffset] === kind &&
    message[sequenceOffset + 1] === 0 &&
    isZero(message, minEchoBytes, message.length)
  );
}

function isZero(message: Buffer, start: number, end: number): boolean {
  return message.compare(padding, 0, end - start, start, end) === 0;
}
