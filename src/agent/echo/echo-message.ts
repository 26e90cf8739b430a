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
  /** Increases with each turn of a prober; below 2³². */
  turn: number;
  /** 8 random bytes, chosen when the prober starts to probe this peer. */
  prober: Uint8Array;
}

/** Version of an answer. Answers of version 1 do not say how long the request waited. */
export type EchoVersion = 1 | 2;

/** A request that was received. */
export interface ReceivedEchoRequest extends EchoRequest {
  /** Highest version of this program's answers that the prober understands. */
  answerVersion: EchoVersion;
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

/** An answer that was received. */
export interface EchoAnswer {
  receipt: EchoReceipt;
  version: EchoVersion;
  /** How long the request waited at the peer, as the peer claims, in nanoseconds; undefined if it does not know. */
  dwellNs: number | undefined;
}

const magic = Buffer.from('NXEC');
const requestVersion = 1;
const newestVersion: EchoVersion = 2;
const kinds = { request: 1, answer: 2 } as const;

const versionOffset = 4;
const kindOffset = 5;
const sequenceOffset = 6;
const countingOffset = 8;
const receivedOffset = 12;
/** In requests: the highest version of an answer that the prober understands, then three zeros. */
const understoodOffset = 16;
/** In answers from version 2 on: nanoseconds as an unsigned 32-bit number. */
export const echoDwellOffset = 16;
const turnOffset = 20;
const proberOffset = 24;

/** A dwell that the peer does not know, or that does not fit: above 4.29 s. */
const unknownDwell = 2 ** 32 - 1;

/** So many octets are compared faster one by one. */
const fewOctets = 8;

const padding = Buffer.alloc(maxEchoBytes - minEchoBytes);

/**
 * Writes a request of the UDP echo (docs/udp-echo.md). Numbers are big-endian; request and answer have the same length:
 *
 * | octets | request | answer of version 1 | answer of version 2 |
 * |---|---|---|---|
 * | 0–3 | `NXEC` | `NXEC` | `NXEC` |
 * | 4 | 1 | version, 1 | version, 2 |
 * | 5 | kind, 1 | kind, 2 | kind, 2 |
 * | 6 | sequence | the same | the same |
 * | 7 | 0 | 0 | 0 |
 * | 8–11 | 0 | counting | counting |
 * | 12–15 | 0 | received | received |
 * | 16–19 | 2, 0, 0, 0 (version 1: 0) | the same | dwell |
 * | 20–23 | turn | the same | the same |
 * | 24–31 | prober | the same | the same |
 * | 32– | zeros | zeros | zeros |
 *
 * To a responder of version 1, octets 16 to 23 are the turn, so it answers these requests too. An answer is not a valid
 * request, so two responders never answer each other.
 * @param size bytes of the packet, from `minEchoBytes` to `maxEchoBytes`
 */
export function encodeEchoRequest({ sequence, turn, prober }: EchoRequest, size: number): Buffer {
  const message = Buffer.alloc(size);
  magic.copy(message);
  message[versionOffset] = requestVersion;
  message[kindOffset] = kinds.request;
  message[sequenceOffset] = sequence;
  message[understoodOffset] = newestVersion;
  message.writeUInt32BE(turn, turnOffset);
  message.set(prober, proberOffset);
  return message;
}

/** Changes the sequence number of a request. */
export function setEchoSequence(request: Buffer, sequence: number): void {
  request[sequenceOffset] = sequence;
}

/** Parses a request. @returns undefined if it is not a valid request */
export function readEchoRequest(message: Buffer): ReceivedEchoRequest | undefined {
  if (!isEcho(message, kinds.request) || message[versionOffset] !== requestVersion) return undefined;
  const sequence = message[sequenceOffset]!;
  if (sequence > maxEchoSequence) return undefined;
  if (!isZero(message, countingOffset, understoodOffset)) return undefined;
  if (!isZero(message, understoodOffset + 1, turnOffset)) return undefined;
  return {
    sequence,
    turn: message.readUInt32BE(turnOffset),
    prober: message.subarray(proberOffset, minEchoBytes),
    answerVersion: message[understoodOffset]! >= newestVersion ? newestVersion : 1,
  };
}

/** Turns a request into its answer, in place. The dwell of an answer of version 2 is unknown until it is written. */
export function makeEchoAnswer(request: Buffer, { counting, received }: EchoReceipt, version: EchoVersion): void {
  request[versionOffset] = version;
  request[kindOffset] = kinds.answer;
  request.writeUInt32BE(counting, countingOffset);
  request.writeUInt32BE(received, receivedOffset);
  if (version >= 2) request.writeUInt32BE(unknownDwell, echoDwellOffset);
}

/** Writes into an answer of version 2 how long its request waited, in nanoseconds. Leaves it unknown if too long. */
export function writeEchoDwell(answer: Buffer, dwellNs: number): void {
  if (dwellNs >= 0 && dwellNs < unknownDwell) answer.writeUInt32BE(dwellNs, echoDwellOffset);
}

/**
 * Parses the answer to a request.
 * @param sequence that of the request, which may be another by now
 * @returns undefined if `message` is forged, answers another request, or is not an answer
 */
export function readEchoAnswer(
  message: Buffer,
  request: Buffer,
  sequence = request[sequenceOffset],
): EchoAnswer | undefined {
  if (message.length !== request.length || !isEcho(message, kinds.answer)) return undefined;
  const version = message[versionOffset];
  if (version !== 1 && version !== 2) return undefined;
  if (message[sequenceOffset] !== sequence) return undefined;
  const same = version === 1 ? understoodOffset : turnOffset;
  if (message.compare(request, same, minEchoBytes, same, minEchoBytes) !== 0) return undefined;
  const dwell = version === 1 ? unknownDwell : message.readUInt32BE(echoDwellOffset);
  return {
    receipt: { counting: message.readUInt32BE(countingOffset), received: message.readUInt32BE(receivedOffset) },
    version,
    dwellNs: dwell === unknownDwell ? undefined : dwell,
  };
}

/** Whether a message is an echo of this kind, of whatever version. */
function isEcho(message: Buffer, kind: number): boolean {
  return (
    message.length >= minEchoBytes &&
    message.length <= maxEchoBytes &&
    isMagic(message) &&
    message[kindOffset] === kind &&
    message[sequenceOffset + 1] === 0 &&
    isZero(message, minEchoBytes, message.length)
  );
}

function isMagic(message: Buffer): boolean {
  for (let at = 0; at < magic.length; at++) if (message[at] !== magic[at]) return false;
  return true;
}

function isZero(message: Buffer, start: number, end: number): boolean {
  // For a few octets, the call of `compare` takes longer than the comparison.
  if (end - start <= fewOctets) {
    for (let at = start; at < end; at++) if (message[at] !== 0) return false;
    return true;
  }
  return message.compare(padding, 0, end - start, start, end) === 0;
}
