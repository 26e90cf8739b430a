import { isIP, Socket } from 'node:net';
import { monotonicNs, secondsSince } from '../../base/clock.ts';
import { afterDelay } from '../../base/delay.ts';
import type { FailureReason } from '../../contract/failure-reason.ts';
import type { Kernel, TcpInfo } from '../kernel/kernel.ts';
import type { ProbeContext, Timing } from './probe.ts';
import { socketFailure } from './socket-failure.ts';

/** An address to connect to; `host` is an IP address, v4 or v6. */
export interface TcpSubject {
  host: string;
  port: number;
}

/** How long a handshake took. */
export interface Handshake {
  seconds: number;
  timing: Timing;
  /** SYNs that were sent again. */
  retransmits: number;
}

/** A connection of which the kernel can be asked. */
export interface DialledSocket extends Socket {
  /** As it is now, or was right before the socket was closed. */
  tcpInfo(): TcpInfo | undefined;
}

/** A connection that was made, which the caller ends by `resetAndDestroy()`, or why there is none. */
export type Dialled = ({ socket: DialledSocket } & Handshake) | { failure: FailureReason; retransmits: number };

/**
 * Opens a TCP connection and measures its handshake.
 * @param context `timeoutMs` is for the handshake alone
 * @throws the signal's reason when aborted; RangeError when `host` is no address; the system's error when the fault is the agent's
 */
export function dial({ host, port }: TcpSubject, { timeoutMs, signal, kernel }: ProbeContext): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    // A name would be looked up by getaddrinfo, which is not what is to be measured.
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
      // A socket that is being destroyed may still report an error, and nobody else listens yet.
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
 * Makes of what the kernel and the clock say the handshake's duration. After a retransmitted SYN the kernel's round-trip time is not
 * that of the whole handshake (Karn's algorithm): then it is all the time that went by, less that since the kernel got the SYN-ACK.
 * @param elapsedSeconds from before the connect until after it was noticed
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

/** A socket that reads its TCP_INFO a last time right before its descriptor is closed, whatever closes it. */
class MeasuredSocket extends Socket implements DialledSocket {
  readonly #kernel: Kernel | undefined;
  #last: TcpInfo | undefined;

  constructor(kernel: Kernel | undefined) {
    super();
    this.#kernel = kernel;
  }

  tcpInfo(): TcpInfo | undefined {
    // Node has no public way to a socket's descriptor. It takes the handle away as soon as it closes it; an own fd of -1 is one not opened.
    const fd = (this as unknown as { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
    if (fd >= 0) this.#last = this.#kernel?.tcpInfo(fd);
    return this.#last;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.tcpInfo();
    super._destroy(error, callback);
  }
}
