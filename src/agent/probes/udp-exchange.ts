import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { monotonicNs, secondsSince } from '../../base/clock.ts';
import { afterDelay } from '../../base/delay.ts';
import type { FailureReason } from '../../contract/failure-reason.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { type ClockReading, readClocks, wasSet } from '../kernel/realtime.ts';
import type { ProbeContext, Timing } from './probe.ts';
import { socketFailure } from './socket-failure.ts';

/** Times at which a datagram was sent and its answer received, in nanoseconds of CLOCK_REALTIME. */
export interface ExchangeTimes {
  sentAt: bigint;
  receivedAt: bigint;
}

/** Result of one datagram. */
export interface UdpExchange<Answer> {
  outcome: Answer | FailureReason;
  /** From sending until the answer or the timeout. */
  seconds: number;
  timing: Timing;
  /** Undefined without an answer, and if the times cannot be right because the system clock was set in between. */
  times: ExchangeTimes | undefined;
}

/**
 * Sends one datagram from its own socket with a random source port, and waits for the answer. The socket is connected,
 * so it receives only from that address and port. Messages that `judge` rejects are ignored. If the timeout expires
 * after such messages, the outcome is `malformed` instead of `timeout`. Resolves for everything that the network does.
 * @param judge returns undefined for a message that is not the answer, for example a forged or late one. Must not throw
 * @throws the reason of the signal if aborted; RangeError if `host` is not an address; a system error if the agent is
 *   at fault
 */
export function exchangeOverUdp<Answer>(
  { host, port }: { host: string; port: number },
  datagram: Uint8Array,
  judge: (message: Buffer) => Answer | undefined,
  { timeoutMs, signal, kernel }: ProbeContext,
): Promise<UdpExchange<Answer>> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const opened = openSocket(host, kernel);
    if ('failure' in opened)
      return resolve({ outcome: opened.failure, seconds: 0, timing: kernel ? 'kernel' : 'clock', times: undefined });
    const { socket, fd } = opened;
    let startedAt = monotonicNs();
    let sent: { at: bigint; reading: ClockReading } | undefined;
    let passedOver = 0;

    const end = (settle: () => void) => {
      cancelTimeout();
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners().on('error', () => {});
      socket.close();
      settle();
    };
    const giveUp = (outcome: FailureReason) => {
      const seconds = secondsSince(startedAt);
      end(() => resolve({ outcome, seconds, timing: kernel ? 'kernel' : 'clock', times: undefined }));
    };
    const onAbort = () => end(() => reject(signal.reason));
    const onError = (error: Error) => {
      const failure = socketFailure(error);
      if (failure === undefined) end(() => reject(error));
      else giveUp(failure === 'reset' ? 'refused' : failure);
    };
    const cancelTimeout = afterDelay(timeoutMs, () => giveUp(passedOver > 0 ? 'malformed' : 'timeout'));
    signal.addEventListener('abort', onAbort, { once: true });

    socket.on('error', onError);
    socket.on('message', (message, { address, port: from }) => {
      const elapsed = secondsSince(startedAt);
      const stamp = sent && kernel?.receivedAt(fd!);
      // Without kernel timestamps, the socket is bound for a moment before it is connected.
      const remote = socket.remoteAddress();
      if (!sent || address !== remote.address || from !== remote.port) return;
      const outcome = judge(message);
      if (outcome === undefined) {
        passedOver++;
        return;
      }
      const reading = readClocks(kernel);
      const set = wasSet(sent.reading, reading);
      const { at: sentAt } = sent;
      const receivedAt = kernel ? stamp : reading.realtime;
      // NaN is refused and counted like any other impossible value.
      const stamped = stamp === undefined ? undefined : set ? Number.NaN : Number(stamp - sentAt) / 1e9;
      const seconds = kernel?.believe(stamped, elapsed);
      const known = receivedAt !== undefined && !set && (!kernel || seconds !== undefined);
      end(() =>
        resolve({
          outcome,
          seconds: seconds ?? elapsed,
          timing: seconds === undefined ? 'clock' : 'kernel',
          times: known ? { sentAt, receivedAt } : undefined,
        }),
      );
    });
    socket.once('connect', () => {
      startedAt = monotonicNs();
      try {
        const reading = readClocks(kernel);
        if (!kernel) socket.send(datagram);
        sent = { at: kernel ? kernel.send(fd!, datagram) : reading.realtime, reading };
      } catch (error) {
        onError(error as Error);
      }
    });
    socket.connect(port, host);
  });
}

/**
 * @returns a failure if the machine lacks this address family, for example IPv6
 * @throws RangeError if `host` is not an address; a system error if no socket can be opened
 */
function openSocket(
  host: string,
  kernel: Kernel | undefined,
): { socket: Socket; fd?: number } | { failure: FailureReason } {
  const family = isIP(host);
  if (family !== 4 && family !== 6) throw new RangeError(`"${host}" is not an IP address`);
  const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
  if (!kernel) return { socket };
  let fd: number | undefined;
  try {
    fd = kernel.openUdpSocket(family);
    // From here on the socket owns and closes the descriptor.
    socket.bind({ fd, exclusive: true });
    return { socket, fd };
  } catch (error) {
    if (fd !== undefined) kernel.closeSocket(fd);
    socket.close();
    const failure = socketFailure(error);
    if (failure === undefined) throw error;
    return { failure };
  }
}
