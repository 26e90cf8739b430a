import { Socket } from 'node:net';
import { monotonicNs, secondsSince } from '../../base/clock.ts';
import { afterDelay } from '../../base/delay.ts';
import type { FailureReason } from '../../contract/failure-reason.ts';
import type { Kernel, TcpInfo } from '../kernel/kernel.ts';
import { familyOf } from './address-family.ts';
import type { ProbeContext, Timing } from './probe.ts';
import { socketFailure } from './socket-failure.ts';

/** An address to dial; `host` is an IP address. */
export interface TcpSubject {
  host: string;
  port: number;
}

/** The result of a TCP handshake. */
export interface Handshake {
  seconds: number;
  timing: Timing;
  /** Number of retransmitted SYNs. */
  retransmits: number;
}

/** An open connection, which the caller must close with `resetAndDestroy()`, or the reason why there is none. */
export type Dialled = { socket: Socket; seconds: number } | { failure: FailureReason };

/**
 * Opens a TCP connection and measures its handshake by the clock, for machines whose kernel's times are not available.
 * @param context `timeoutMs` applies to the handshake only
 * @throws the reason of the signal if aborted; RangeError if `host` is not an address; a system error if the agent is
 *   at fault
 */
export function dial({ host, port }: TcpSubject, { timeoutMs, signal }: ProbeContext): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const family = familyOf(host);
    const socket = new Socket();
    const cancelTimeout = afterDelay(timeoutMs, () => fail('timeout'));
    const onAbort = () => {
      release();
      socket.destroy();
      reject(signal.reason);
    };
    const release = () => {
      cancelTimeout();
      signal.removeEventListener('abort', onAbort);
      // A socket that is being destroyed can still emit an error, and there is no other listener yet.
      socket.removeAllListeners().on('error', () => {});
    };
    const fail = (failure: FailureReason) => {
      release();
      socket.destroy();
      resolve({ failure });
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', (error) => {
      const failure = socketFailure(error);
      if (failure !== undefined) return fail(failure);
      release();
      reject(error);
    });
    const startedAt = monotonicNs();
    socket.once('connect', () => {
      const seconds = secondsSince(startedAt);
      release();
      resolve({ socket, seconds });
    });
    socket.connect({ host, port, family, autoSelectFamily: false });
  });
}

/**
 * Computes the duration of the handshake. After a retransmitted SYN, the round-trip time of the kernel does not cover
 * the whole handshake (Karn's algorithm), so the duration is the elapsed time minus the time since the kernel received
 * the SYN-ACK.
 * @param elapsedSeconds from before the connect until the process noticed the connection
 */
export function measuredHandshake(
  info: TcpInfo | undefined,
  elapsedSeconds: number,
  kernel: Pick<Kernel, 'believe'>,
): Handshake {
  const retransmits = info?.totalRetransmits ?? 0;
  const measured = info && (retransmits > 0 ? elapsedSeconds - info.sinceLastAckSeconds : info.rttSeconds);
  const seconds = kernel.believe(measured, elapsedSeconds);
  return { seconds: seconds ?? elapsedSeconds, timing: seconds === undefined ? 'clock' : 'kernel', retransmits };
}
