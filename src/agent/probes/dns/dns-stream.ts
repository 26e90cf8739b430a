import { maxPassedOver } from './dns-exchange.ts';
import { type DnsVerdict, type EncodedQuery, judgeMessage } from './dns-message.ts';

/** More than any two messages: a server that sends this much without an answer is ignored. */
const maxStreamBytes = 2 * (2 + 65_535);
const lengthBytes = 2;

/** A message as it is sent over TCP (RFC 1035 §4.2.2), in one piece: some servers read it at once (RFC 7766 §8). */
export function withLength(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(lengthBytes + message.length);
  framed.writeUInt16BE(message.length);
  framed.set(message, lengthBytes);
  return framed;
}

/** Looks for the answer to a query in what the server sends over TCP. */
export class AnswerStream {
  readonly #query: EncodedQuery;
  readonly #reader = new MessageReader();
  #passedOver = 0;

  constructor(query: EncodedQuery) {
    this.#query = query;
  }

  /**
   * Takes the next piece of the stream, which may be changed afterwards.
   * @returns undefined while the answer is not complete; `malformed` after too many other messages, or too much data
   */
  read(piece: Buffer): DnsVerdict | undefined {
    for (const message of this.#reader.read(piece)) {
      const verdict = judgeMessage(message, this.#query);
      if (verdict !== undefined) return verdict;
      if (++this.#passedOver === maxPassedOver) return 'malformed';
    }
    return this.#reader.total > maxStreamBytes ? 'malformed' : undefined;
  }

  /** What the lookup fails as if no answer came in time. */
  get expired(): 'malformed' | 'timeout' {
    return this.#passedOver > 0 ? 'malformed' : 'timeout';
  }
}

/** Splits a stream into messages with two-byte length prefixes (RFC 1035 §4.2.2). */
class MessageReader {
  /** Bytes read so far. */
  total = 0;
  /** The beginning of a message and its length prefix, with room to grow. */
  #partial = Buffer.alloc(0);
  #partialBytes = 0;

  /**
   * A message that comes whole is not copied. Pieces are copied together, because a server may send single bytes, and
   * each piece would keep a buffer of its own.
   */
  *read(chunk: Buffer): Generator<Buffer> {
    this.total += chunk.length;
    let rest = chunk;
    while (this.#partialBytes > 0 && rest.length > 0) {
      rest = this.#take(rest);
      if (this.#partialBytes < this.#wanted) continue;
      const message = this.#partial.subarray(lengthBytes, this.#partialBytes);
      this.#partial = Buffer.alloc(0);
      this.#partialBytes = 0;
      yield message;
    }
    while (rest.length >= lengthBytes) {
      const end = lengthBytes + rest.readUInt16BE(0);
      if (rest.length < end) break;
      yield rest.subarray(lengthBytes, end);
      rest = rest.subarray(end);
    }
    while (rest.length > 0) rest = this.#take(rest);
  }

  /** Length of the message that has begun and its length prefix; until that is known, of the prefix. */
  get #wanted(): number {
    return this.#partialBytes < lengthBytes ? lengthBytes : lengthBytes + this.#partial.readUInt16BE(0);
  }

  /** Copies what belongs to the message that has begun. @returns the rest */
  #take(piece: Buffer): Buffer {
    const bytes = Math.min(piece.length, this.#wanted - this.#partialBytes);
    const needed = this.#partialBytes + bytes;
    if (needed > this.#partial.length) {
      // Twice as much each time, so that single bytes do not take quadratic time.
      const grown = Buffer.alloc(Math.max(needed, Math.min(2 * this.#partial.length, lengthBytes + 65_535)));
      this.#partial.copy(grown, 0, 0, this.#partialBytes);
      this.#partial = grown;
    }
    piece.copy(this.#partial, this.#partialBytes, 0, bytes);
    this.#partialBytes = needed;
    return piece.subarray(bytes);
  }
}
