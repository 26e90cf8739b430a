import { monotonicNs, secondsSince, systemClock } from '../../../base/clock.ts';
import { afterDelay } from '../../../base/delay.ts';
import { socketFailure } from '../socket-failure.ts';
import { type DialledSocket, dial } from '../tcp-dial.ts';
import type { AskDns, DnsExchange } from './dns-exchange.ts';
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
 * `refused`. One that ends without a complete answer, or delivers only other messages until the timeout, is
 * `malformed`.
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
        const verdict = judgeMessage(message, query);
        if (verdict !== undefined) return give(verdict);
        passedOver++;
      }
      if (reader.total > maxStreamBytes) give('malformed');
    });
    const message = encodeQuery(query);
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
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Bytes of the pending message and its length prefix, as far as known. */
  #wanted = lengthBytes;

  /** Pieces are joined only when a message is complete, because a server may send single bytes. */
  *read(chunk: Buffer): Generator<Buffer> {
    this.total += chunk.length;
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    while (this.#pendingBytes >= this.#wanted) {
      const bytes = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
      this.#wanted = lengthBytes + bytes.readUInt16BE(0);
      const isComplete = bytes.length >= this.#wanted;
      const rest = isComplete ? bytes.subarray(this.#wanted) : bytes;
      this.#pending = rest.length > 0 ? [rest] : [];
      this.#pendingBytes = rest.length;
      if (!isComplete) continue;
      yield bytes.subarray(lengthBytes, this.#wanted);
      this.#wanted = lengthBytes;
    }
  }
}
