import { monotonicNs, secondsSince, systemClock } from '../../../base/clock.ts';
import { afterDelay } from '../../../base/delay.ts';
import { socketFailure } from '../socket-failure.ts';
import { type DialledSocket, dial } from '../tcp-dial.ts';
import { type AskDns, type DnsExchange, maxPassedOver } from './dns-exchange.ts';
import { encodeQuery, judgeMessage } from './dns-message.ts';

/** More than any two messages: a server that sends this much without an answer is ignored. */
const maxStreamBytes = 2 * (2 + 65_535);
const lengthBytes = 2;
/** The longest tick of any kernel, in seconds: the resolution of its time of the last data. */
const tickSeconds = 0.01;

/**
 * Sends a query over TCP (RFC 7766) on its own connection, which is reset afterwards so that neither side keeps it in
 * TIME_WAIT. The duration is that of the handshake plus the clock's time until the answer, minus the time that the
 * answer waited in the socket while the event loop was blocked. A connection that is reset without an answer is
 * `refused`. One that ends without a complete answer, or delivers only other messages until the timeout or 16 of them,
 * is `malformed`.
 */
export const askOverTcp: AskDns = async (server, query, context) => {
  const deadline = systemClock.monotonic() + context.timeoutMs;
  const dialled = await dial(server, context);
  if ('failure' in dialled) {
    const { failure, retransmits } = dialled;
    return { verdict: asRefused(failure), seconds: context.timeoutMs / 1000, timing: 'clock', retransmits };
  }
  const { socket, seconds: handshakeSeconds, retransmits } = dialled;
  const { signal } = context;
  const startedAt = monotonicNs();
  return new Promise((resolve, reject) => {
    const reader = new MessageReader();
    const encoded = encodeQuery(query);
    let passedOver = 0;

    const end = (settle: () => void) => {
      cancelTimeout();
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners().on('error', () => {});
      socket.resetAndDestroy();
      settle();
    };
    const give = (verdict: DnsExchange['verdict']) => {
      const seconds = handshakeSeconds + Math.max(0, secondsSince(startedAt) - heldUpSeconds(socket));
      end(() => resolve({ verdict, seconds, timing: 'clock', retransmits }));
    };
    const onAbort = () => end(() => reject(signal.reason));
    const remainingMs = deadline - systemClock.monotonic();
    const cancelTimeout = afterDelay(remainingMs, () => give(passedOver > 0 ? 'malformed' : 'timeout'));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });

    socket.on('error', (error) => {
      const failure = socketFailure(error);
      if (failure === undefined) end(() => reject(error));
      else give(asRefused(failure));
    });
    socket.on('end', () => give('malformed'));
    socket.on('data', (chunk) => {
      for (const message of reader.read(chunk as Buffer)) {
        const verdict = judgeMessage(message, encoded);
        if (verdict !== undefined) return give(verdict);
        if (++passedOver === maxPassedOver) return give('malformed');
      }
      if (reader.total > maxStreamBytes) give('malformed');
    });
    const { message } = encoded;
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt16BE(message.length);
    // In one segment: some servers read the length and the message at once (RFC 7766 §8).
    socket.write(Buffer.concat([length, message]));
  });
};

/**
 * Time that the last data waited in the socket: 0 if that is within about a tick, or if the kernel does not provide it.
 */
function heldUpSeconds(socket: DialledSocket): number {
  return Math.max(0, (socket.tcpInfo()?.sinceLastDataSeconds ?? 0) - tickSeconds);
}

/** DNS has no reason `reset`: something rejected the connection. */
function asRefused(failure: DnsExchange['verdict']): DnsExchange['verdict'] {
  return failure === 'reset' ? 'refused' : failure;
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
