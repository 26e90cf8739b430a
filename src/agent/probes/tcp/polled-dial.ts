import { isIP } from 'node:net';
import { monotonicNs, secondsSince, systemClock } from '../../../base/clock.ts';
import { tickClock, tickMs } from '../../../base/tick-clock.ts';
import type { FailureReason } from '../../../contract/failure-reason.ts';
import { type Kernel, KernelCallError } from '../../kernel/kernel.ts';
import type { ProbeContext, ProbeResult } from '../probe.ts';
import { socketFailure } from '../socket-failure.ts';
import { type Handshake, measuredHandshake, type TcpSubject } from '../tcp-dial.ts';
import { watchMs } from './watch.ts';

/** Time until the first look, in milliseconds: by then most connections have been watched long enough. */
const firstLookMs = 2 * tickMs;

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
  readonly #deadline: number;
  /** Time until the next look. Doubles, so a dial without an answer costs few wake-ups. */
  #nextLookMs = firstLookMs;
  #handshake: Handshake | undefined;
  #cancelTimer = () => {};
  readonly #ended = Promise.withResolvers<ProbeResult>();

  /** @throws the reason of the signal if aborted; RangeError if `host` is not an address; KernelCallError */
  constructor({ host, port }: TcpSubject, { timeoutMs, signal }: ProbeContext, kernel: Kernel) {
    signal.throwIfAborted();
    const family = isIP(host);
    if (family !== 4 && family !== 6) throw new RangeError(`"${host}" is not an IP address`);
    this.#kernel = kernel;
    this.#signal = signal;
    this.#to = kernel.socketAddress(host, port);
    this.#deadline = systemClock.monotonic() + timeoutMs;
    this.#fd = kernel.openTcpSocket(family);
  }

  /** Resolves and rejects like a `Probe`. */
  run(): Promise<ProbeResult> {
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    try {
      this.#kernel.connectTcp(this.#fd, this.#to);
      this.#lookLater();
    } catch (error) {
      this.#failed(error, 0);
    }
    return this.#ended.promise;
  }

  #lookLater(): void {
    this.#lookIn(this.#nextLookMs);
    this.#nextLookMs *= 2;
  }

  #lookIn(ms: number): void {
    const remaining = this.#deadline - systemClock.monotonic();
    this.#cancelTimer =
      ms < remaining ? tickClock.after(ms, () => this.#look()) : systemClock.after(remaining, () => this.#look());
  }

  #look(): void {
    // A failed connect(2) forgets what it has sent again.
    const retransmits = this.#retransmits();
    try {
      if (this.#handshake || this.#kernel.connectTcp(this.#fd, this.#to)) this.#established();
      else if (this.#isLate) this.#fail('timeout', retransmits);
      else this.#lookLater();
    } catch (error) {
      this.#failed(error, retransmits);
    }
  }

  #established(): void {
    const elapsed = secondsSince(this.#startedAt);
    this.#handshake ??= measuredHandshake(this.#kernel.tcpInfo(this.#fd), elapsed, this.#kernel);
    const { seconds, timing, retransmits } = this.#handshake;
    const unwatchedMs = watchMs(seconds) - (elapsed - seconds) * 1000;
    if (unwatchedMs > 0 && !this.#isLate) {
      this.#lookIn(unwatchedMs);
      return;
    }
    const code = this.#kernel.pendingError(this.#fd);
    const wasReset = code !== undefined && socketFailure({ code }) === 'reset';
    this.#end();
    this.#ended.resolve({
      latencies: wasReset ? [] : [seconds],
      failures: wasReset ? ['reset'] : [],
      retransmits,
      timing,
    });
  }

  /** Timers of Node may be a millisecond early. */
  get #isLate(): boolean {
    return this.#deadline - systemClock.monotonic() < 1;
  }

  #failed(error: unknown, retransmits: number): void {
    const failure = error instanceof KernelCallError ? socketFailure(error) : undefined;
    if (failure !== undefined) this.#fail(failure, retransmits);
    else {
      this.#end();
      this.#ended.reject(error);
    }
  }

  #retransmits(): number {
    return this.#kernel.tcpInfo(this.#fd)?.totalRetransmits ?? 0;
  }

  #fail(failure: FailureReason, retransmits: number): void {
    this.#end();
    this.#ended.resolve({ latencies: [], failures: [failure], retransmits, timing: 'kernel' });
  }

  readonly #onAbort = () => {
    this.#end();
    this.#ended.reject(this.#signal.reason);
  };

  #end(): void {
    this.#cancelTimer();
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.#kernel.resetConnection(this.#fd);
  }
}
