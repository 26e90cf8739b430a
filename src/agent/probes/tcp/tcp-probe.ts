import type { Socket } from 'node:net';
import { systemClock } from '../../../base/clock.ts';
import { afterDelay } from '../../../base/delay.ts';
import type { Probe, ProbeContext, ProbeResult } from '../probe.ts';
import { socketFailure } from '../socket-failure.ts';
import { dial, type TcpSubject } from '../tcp-dial.ts';
import { PolledDial } from './polled-dial.ts';
import { watchMs } from './watch.ts';

/**
 * Opens and closes a TCP connection. The latency is the duration of the handshake. Reasons: `timeout`, `refused`,
 * `unreachable`, `reset`. The connection is closed with a RST (RFC 9293 §3.5.2) without sending data, so neither side
 * keeps it in TIME_WAIT.
 */
export const tcpProbe: Probe<TcpSubject> = async (target, context) =>
  context.kernel ? new PolledDial(target, context, context.kernel).run() : dialByNode(target, context);

async function dialByNode(target: TcpSubject, context: ProbeContext): Promise<ProbeResult> {
  const deadline = systemClock.monotonic() + context.timeoutMs;
  const dialled = await dial(target, context);
  if ('failure' in dialled) return { latencies: [], failures: [dialled.failure], retransmits: 0, timing: 'clock' };
  const { socket, seconds } = dialled;
  const forMs = Math.min(watchMs(seconds), deadline - systemClock.monotonic());
  const wasReset = await watchForReset(socket, forMs, context);
  return { latencies: wasReset ? [] : [seconds], failures: wasReset ? ['reset'] : [], retransmits: 0, timing: 'clock' };
}

/** Keeps a new connection open for a moment, then resets it. @returns whether the peer reset it first */
function watchForReset(socket: Socket, forMs: number, { signal }: ProbeContext): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      cancelWatch();
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners().on('error', () => {});
      socket.resetAndDestroy();
      settle();
    };
    const cancelWatch = afterDelay(forMs, () => end(() => resolve(false)));
    const onAbort = () => end(() => reject(signal.reason));
    socket.once('error', (error) => end(() => resolve(socketFailure(error) === 'reset')));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
