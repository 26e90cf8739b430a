/** The shortest packet: its header. Octets of UDP payload, as everywhere here. */
export const minEchoBytes = 32;

/** The longest packet that is answered: with its headers it fills an IPv4 packet of 1500 octets. */
export const maxEchoBytes = 1472;

/** How many packets a turn may have: what their sequence numbers go up to. */
export const maxEchoSequence = 31;

/** Says which packet a request is. */
export interface EchoRequest {
  /** From 0 to `maxEchoSequence`, in the order of sending. */
  sequence: number;
  /** Rises with each turn of a prober. */
  turn: bigint;
  /** 8 random octets that the prober drew when it began with this peer. */
  prober: Uint8Array;
}

/** What the peer knew of a prober when it answered. */
export interface EchoReceipt {
  /** Drawn anew when the peer began to count this prober's requests: receipts of different countings cannot be compared. */
  counting: number;
  /** How many requests of the prober had come, the one answered among them and each once. */
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

/** All that comes before the kind, and behind the header. */
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
 * An answer is no request, so that two who answer never answer each other.
 * @param size octets of the packet, from `minEchoBytes` to `maxEchoBytes`
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

/** Reads a request. @returns undefined for whatever is not exactly one */
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

/** Makes of a request, in its place, the answer to it. */
export function makeEchoAnswer(request: Buffer, { counting, received }: EchoReceipt): void {
  request[kindOffset] = kinds.answer;
  request.writeUInt32BE(counting, countingOffset);
  request.writeUInt32BE(received, receivedOffset);
}

/** Reads the answer to a request. @returns undefined when `message` is not that: forged, of another packet, or no answer at all */
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
