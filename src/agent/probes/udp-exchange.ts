import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { monotonicNs, secondsSince } from '../../base/clock.ts';
import { afterDelay } from '../../base/delay.ts';
import type { FailureReason } from '../../contract/failure-reason.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { type ClockReading, readClocks, wasSet } from '../kernel/realtime.ts';
import type { ProbeContext, Timing } from './probe.ts';
import { socketFailure } from './socket-failure.ts';

/** When a datagram was sent and when its answer came, in nanoseconds of CLOCK_REALTIME. */
export interface ExchangeTimes {
  sentAt: bigint;
  receivedAt: bigint;
}

/** What came of one datagram. */
export interface UdpExchange<Verdict> {
  outcome: Verdict | FailureReason;
  /** From sending to the answer, or until it was given up. */
  seconds: number;
  timing: Timing;
  /** Undefined without an answer, and where they cannot be true, as when the system's clock was set in between. */
  times: ExchangeTimes | undefined;
}

/**
 * Sends one datagram from a socket and a random source port of its own and waits for the answer. The socket is connected, so that only the
 * other side's own address and port are heard. What `judge` passes over is no answer; when time is up and there was such, the outcome
 * is `malformed`, not `timeout`: the other side spoke, but did not answer. Resolves for whatever the network does.
 * @param judge makes of a message a verdict, or undefined when it is not the answer: forged or late ones do no harm. Must not throw
 * @throws the signal's reason when aborted; RangeError when `host` is no address; the system's error when the fault is the agent's
 */
export function exchangeOverUdp<Verdict>(
  { host, port }: { host: string; port: number },
  datagram: Uint8Array,
  judge: (message: Buffer) => Verdict | undefined,
  { timeoutMs, signal, kernel }: ProbeContext,
): Promise<UdpExchange<Verdict>> {
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
      // Without the kernel's help the socket has a port for a moment before it is connected.
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
      // A value that is no number is refused and counted as one that cannot be.
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
 * @returns a failure where the machine has no such network, as one without IPv6
 * @throws RangeError when `host` is no address, the system's error when no socket can be had
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
    // From here on the descriptor is the socket's, which closes it.
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
