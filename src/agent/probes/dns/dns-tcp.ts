import { monotonicNs, secondsSince, systemClock } from '../../../base/clock.ts';
import { afterDelay } from '../../../base/delay.ts';
import { socketFailure } from '../socket-failure.ts';
import { dial } from '../tcp-dial.ts';
import { type AskDns, asRefused, type DnsExchange } from './dns-exchange.ts';
import { encodeQuery } from './dns-message.ts';
import { AnswerStream, withLength } from './dns-stream.ts';
import { PolledTcpQuery } from './polled-tcp-query.ts';

/**
 * Sends a query over TCP (RFC 7766) on its own connection, which is reset afterwards so that neither side keeps it in
 * TIME_WAIT. The duration is that of the handshake plus the time until the answer. A connection that is reset without
 * an answer is `refused`. One that ends without a complete answer, or delivers only other messages until the timeout or
 * 16 of them, is `malformed`.
 */
export const askOverTcp: AskDns = async (server, query, context) =>
  context.kernel ? new PolledTcpQuery(server, query, context, context.kernel).run() : askByNode(server, query, context);

const askByNode: AskDns = async (server, query, context) => {
  const deadline = systemClock.monotonic() + context.timeoutMs;
  const dialled = await dial(server, context);
  if ('failure' in dialled) return { verdict: asRefused(dialled.failure), seconds: undefined, retransmits: 0 };
  const { socket, seconds: handshakeSeconds } = dialled;
  const { signal } = context;
  const startedAt = monotonicNs();
  return new Promise((resolve, reject) => {
    const encoded = encodeQuery(query);
    const stream = new AnswerStream(encoded);
    const end = (settle: () => void) => {
      cancelTimeout();
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners().on('error', () => {});
      socket.resetAndDestroy();
      settle();
    };
    const give = (verdict: DnsExchange['verdict']) => {
      const seconds = handshakeSeconds + secondsSince(startedAt);
      end(() => resolve({ verdict, seconds, retransmits: 0 }));
    };
    const onAbort = () => end(() => reject(signal.reason));
    const remainingMs = deadline - systemClock.monotonic();
    const cancelTimeout = afterDelay(remainingMs, () => give(stream.expired));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });

    socket.on('error', (error) => {
      const failure = socketFailure(error);
      if (failure === undefined) end(() => reject(error));
      else give(asRefused(failure));
    });
    socket.on('end', () => give('malformed'));
    socket.on('data', (chunk) => {
      const verdict = stream.read(chunk as Buffer);
      if (verdict !== undefined) give(verdict);
    });
    socket.write(withLength(encoded.message));
  });
};
