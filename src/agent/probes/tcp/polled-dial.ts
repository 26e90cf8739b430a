import { monotonicNs, secondsSince } from '../../../base/clock.ts';
import { tickMs } from '../../../base/tick-clock.ts';
import type { FailureReason } from '../../../contract/failure-reason.ts';
import { type Kernel, KernelCallError, type TcpInfo } from '../../kernel/kernel.ts';
import { familyOf } from '../address-family.ts';
import { Looks } from '../looks.ts';
import type { ProbeContext, ProbeResult } from '../probe.ts';
import { socketFailure } from '../socket-failure.ts';
import { type Handshake, measuredHandshake, type TcpSubject } from '../tcp-dial.ts';
import { watchMs } from './watch.ts';

/** Time until the first look, in milliseconds: by then most connections have been watched long enough. */
const firstLookMs = 2 * tickMs;

/**
 * How late a look may be for a reset that it finds to count, in milliseconds. Many servers reset a connection that
 * stays silent for longer than the probe means to keep it, and the kernel does not say when it was reset.
 */
const lateLookMs = 100;

/**
 * Dials by the kernel's own calls. The kernel keeps all that matters (whether and how fast the connection was
 * established, and whether it was reset) until the dial looks, so most dials need two wake-ups of the process.
 */
export class PolledDial {
  readonly #kernel: Kernel;
  readonly #signal: AbortSignal;
  readonly #to: Uint8Array;
  readonly #fd: number;
  readonly #startedAt = monotonicNs();
  readonly #timeoutMs: number;
  readonly #looks = new Looks(() => this.#look());
  #handshake: Handshake | undefined;
  #refusedTimes = 0;
  readonly #ended = Promise.withResolvers<ProbeResult>();

  /** @throws the reason of the signal if aborted; RangeError if `host` is not an address; KernelCallError */
  constructor({ host, port }: TcpSubject, { timeoutMs, signal }: ProbeContext, kernel: Kernel) {
    signal.throwIfAborted();
    const family = familyOf(host);
    this.#kernel = kernel;
    this.#signal = signal;
    this.#to = kernel.socketAddress(host, port);
    this.#timeoutMs = timeoutMs;
    this.#fd = kernel.openTcpSocket(family);
  }

  /** Resolves and rejects like a `Probe`. */
  run(): Promise<ProbeResult> {
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    try {
      this.#kernel.connectTcp(this.#fd, this.#to);
      this.#looks.begin(this.#timeoutMs, firstLookMs);
    } catch (error) {
      this.#failed(error, 0);
    }
    return this.#ended.promise;
  }

  #look(): void {
    const watchesLate = this.#looks.lateMs > lateLookMs;
    if (this.#handshake) {
      this.#established(this.#handshake, watchesLate, false);
      return;
    }
    // Before connect(2), which forgets all of it when it fails.
    const info = this.#kernel.tcpInfo(this.#fd);
    try {
      if (info?.isEstablished) this.#established(this.#measure(info), watchesLate, true);
      else if (this.#kernel.connectTcp(this.#fd, this.#to))
        this.#established(this.#measure(this.#kernel.tcpInfo(this.#fd)), watchesLate, false);
      else if (this.#looks.isLast) this.#fail('timeout', info?.totalRetransmits ?? 0);
      else this.#looks.later();
    } catch (error) {
      // Only an established connection can be reset: another one is refused.
      if (watchesLate && isReset(error)) this.#skip(info?.totalRetransmits ?? 0);
      else this.#failed(error, info?.totalRetransmits ?? 0);
    }
  }

  /** @param wasNotReset whether it was not reset until now; otherwise the kernel has to be asked */
  #established(handshake: Handshake, watchesLate: boolean, wasNotReset: boolean): void {
    this.#handshake = handshake;
    const { seconds, retransmits } = handshake;
    const unwatchedMs = watchMs(seconds) - (secondsSince(this.#startedAt) - seconds) * 1000;
    if (unwatchedMs > 0 && !this.#looks.isLast) {
      this.#looks.after(unwatchedMs);
      return;
    }
    const code = wasNotReset ? undefined : this.#kernel.pendingError(this.#fd);
    if (code === undefined || !isReset({ code })) this.#succeed(handshake);
    else if (watchesLate) this.#skip(retransmits);
    else this.#fail('reset', retransmits);
  }

  #measure(info: TcpInfo | undefined): Handshake {
    if (!info) this.#refusedTimes = 1;
    return measuredHandshake(info, secondsSince(this.#startedAt), this.#kernel);
  }

  /** Without the kernel's time there is no latency: that of the clock ends with a look, long after the handshake. */
  #succeed({ seconds, timing, retransmits }: Handshake): void {
    if (timing === 'kernel' && seconds * 1000 > this.#timeoutMs) {
      this.#fail('timeout', retransmits);
      return;
    }
    this.#end();
    this.#ended.resolve({
      latencies: timing === 'kernel' ? [seconds] : [],
      failures: [],
      retransmits,
      timing: 'kernel',
      ...(this.#refusedTimes > 0 && { refusedTimes: this.#refusedTimes }),
    });
  }

  #failed(error: unknown, retransmits: number): void {
    const failure = error instanceof KernelCallError ? socketFailure(error) : undefined;
    if (failure !== undefined) this.#fail(failure, retransmits);
    else {
      this.#end();
      this.#ended.reject(error);
    }
  }

  #fail(failure: FailureReason, retransmits: number): void {
    this.#end();
    this.#ended.resolve({ latencies: [], failures: [failure], retransmits, timing: 'kernel' });
  }

  #skip(retransmits: number): void {
    this.#end();
    this.#ended.resolve({ latencies: [], failures: [], retransmits, timing: 'kernel', skipped: 'late' });
  }

  readonly #onAbort = () => {
    this.#end();
    this.#ended.reject(this.#signal.reason);
  };

  #end(): void {
    this.#looks.end();
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#kernel.resetConnection(this.#fd);
  }
}

function isReset(error: unknown): boolean {
  return socketFailure(error) === 'reset';
}
