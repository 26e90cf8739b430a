import { isIP, Socket } from 'node:net';
import { monotonicNs, secondsSince } from '../../base/clock.ts';
import { afterDelay } from '../../base/delay.ts';
import type { FailureReason } from '../../contract/failure-reason.ts';
import type { Kernel, TcpInfo } from '../kernel/kernel.ts';
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

/** A socket that exposes TCP_INFO. */
export interface DialledSocket extends Socket {
  /** TCP_INFO now, or right before the socket was closed. */
  tcpInfo(): TcpInfo | undefined;
}

/** An open connection, which the caller must close with `resetAndDestroy()`, or the reason why there is none. */
export type Dialled = ({ socket: DialledSocket } & Handshake) | { failure: FailureReason; retransmits: number };

/**
 * Opens a TCP connection and measures its handshake.
 * @param context `timeoutMs` applies to the handshake only
 * @throws the reason of the signal if aborted; RangeError if `host` is not an address; a system error if the agent is
 *   at fault
 */
export function dial({ host, port }: TcpSubject, { timeoutMs, signal, kernel }: ProbeContext): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // Rejects names: getaddrinfo would resolve them within the measured time.
    if (isIP(host) === 0) throw new RangeError(`"${host}" is not an IP address`);
    const socket = new MeasuredSocket(kernel);
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
      resolve({ failure, retransmits: socket.tcpInfo()?.totalRetransmits ?? 0 });
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
      const elapsed = secondsSince(startedAt);
      const handshake = measuredHandshake(socket.tcpInfo(), elapsed, kernel);
      release();
      resolve({ socket, ...handshake });
    });
    socket.connect({ host, port, autoSelectFamily: false });
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
  kernel: Pick<Kernel, 'believe'> | undefined,
): Handshake {
  const retransmits = info?.totalRetransmits ?? 0;
  const measured = info && (retransmits > 0 ? elapsedSeconds - info.sinceLastAckSeconds : info.rttSeconds);
  const seconds = kernel?.believe(measured, elapsedSeconds);
  return { seconds: seconds ?? elapsedSeconds, timing: seconds === undefined ? 'clock' : 'kernel', retransmits };
}

/** A socket that reads TCP_INFO for the last time right before its descriptor is closed. */
class MeasuredSocket extends Socket implements DialledSocket {
  readonly #kernel: Kernel | undefined;
  #last: TcpInfo | undefined;

  constructor(kernel: Kernel | undefined) {
    super();
    this.#kernel = kernel;
  }

  tcpInfo(): TcpInfo | undefined {
    // Node has no public API for a socket's descriptor. It removes the handle as soon as it closes it; an fd of -1 is
    // not open yet.
    const fd = (this as unknown as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
    if (fd >= 0) this.#last = this.#kernel?.tcpInfo(fd);
    return this.#last;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.tcpInfo();
    super._destroy(error, callback);
  }
}
