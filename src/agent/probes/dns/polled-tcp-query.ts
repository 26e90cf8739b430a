import { monotonicNs, secondsSince } from '../../../base/clock.ts';
import { tickMs } from '../../../base/tick-clock.ts';
import { type Kernel, KernelCallError, type TcpInfo } from '../../kernel/kernel.ts';
import { type ClockReading, readClocks, wasSet } from '../../kernel/realtime.ts';
import { familyOf } from '../address-family.ts';
import { Looks } from '../looks.ts';
import type { ProbeContext } from '../probe.ts';
import { retried, socketFailure } from '../socket-failure.ts';
import { measuredHandshake } from '../tcp-dial.ts';
import { asRefused, type DnsExchange, type DnsServer } from './dns-exchange.ts';
import { type DnsQuery, type DnsVerdict, type EncodedQuery, encodeQuery } from './dns-message.ts';
import { AnswerStream, withLength } from './dns-stream.ts';

/** The most reads of a look: a server that sends while it is read could keep the process. Enough for two messages. */
const maxReads = 80;

/**
 * A query over TCP by the kernel's own calls. The kernel keeps how long the handshake took, and the answer with the
 * time at which its last segment came, until the query looks. A socket of Node would cost several times as much CPU
 * time. The time between the handshake and the look that notices it counts neither for the latency nor for the timeout.
 */
export class PolledTcpQuery {
  readonly #kernel: Kernel;
  readonly #signal: AbortSignal;
  readonly #timeoutMs: number;
  readonly #to: Uint8Array;
  readonly #fd: number;
  readonly #query: EncodedQuery;
  readonly #stream: AnswerStream;
  readonly #startedAt = monotonicNs();
  readonly #looks = new Looks(() => this.#look());
  #retransmits = 0;
  /** Undefined if the kernel's time cannot be right. */
  #handshakeSeconds: number | undefined;
  /** Undefined while there is no connection. */
  #sent: { at: bigint; reading: ClockReading } | undefined;
  readonly #ended = Promise.withResolvers<DnsExchange>();

  /** @throws the reason of the signal if aborted; RangeError if `host` is not an address; KernelCallError */
  constructor({ host, port }: DnsServer, query: DnsQuery, { timeoutMs, signal }: ProbeContext, kernel: Kernel) {
    signal.throwIfAborted();
    const family = familyOf(host);
    this.#query = encodeQuery(query);
    this.#stream = new AnswerStream(this.#query);
    this.#kernel = kernel;
    this.#signal = signal;
    this.#timeoutMs = timeoutMs;
    this.#to = kernel.socketAddress(host, port);
    this.#fd = kernel.openStampedTcpSocket(family);
  }

  /** Resolves and rejects like `AskDns`. */
  run(): Promise<DnsExchange> {
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    try {
      this.#connect();
      this.#looks.beginSoon(this.#timeoutMs, tickMs);
    } catch (error) {
      this.#failed(error);
    }
    return this.#ended.promise;
  }

  #look(): void {
    try {
      if (this.#sent) this.#readAnswer(this.#sent);
      else this.#lookForHandshake();
    } catch (error) {
      this.#failed(error);
    }
  }

  #lookForHandshake(): void {
    // Before connect(2), which forgets all of it when it fails.
    const info = this.#kernel.tcpInfo(this.#fd);
    this.#retransmits = info?.totalRetransmits ?? 0;
    if (info?.isEstablished) this.#ask(info);
    // The server may have sent and closed already.
    else if (this.#connect()) this.#ask(this.#kernel.tcpInfo(this.#fd));
    else this.#lookLater('timeout');
  }

  #ask(info: TcpInfo | undefined): void {
    const kernel = this.#kernel;
    const elapsed = secondsSince(this.#startedAt);
    const { seconds, timing } = measuredHandshake(info, elapsed, kernel);
    // A missing time is counted like an impossible one.
    if (!info) kernel.believe(Number.NaN, elapsed);
    if (timing === 'kernel') this.#handshakeSeconds = seconds;
    const remainingMs = this.#timeoutMs - seconds * 1000;
    if (remainingMs <= 0) {
      this.#give('timeout');
      return;
    }
    const message = withLength(this.#query.message);
    const reading = readClocks(kernel);
    this.#sent = { at: retried(() => kernel.send(this.#fd, message)), reading };
    // Where the handshake was seen at once, at the tick at which dials are looked at.
    this.#looks.begin(remainingMs, Math.max(tickMs, 2 * tickMs - elapsed * 1000));
  }

  #readAnswer(sent: { at: bigint; reading: ClockReading }): void {
    for (let reads = 0; reads < maxReads; reads++) {
      const received = retried(() => this.#kernel.receive(this.#fd));
      if (!received) break;
      if (received.message.length === 0) {
        this.#give('malformed');
        return;
      }
      const verdict = this.#stream.read(received.message);
      if (verdict === undefined) continue;
      this.#answered(verdict, received.receivedAt, sent);
      return;
    }
    this.#lookLater(this.#stream.expired);
  }

  #answered(verdict: DnsVerdict, receivedAt: bigint | undefined, sent: { at: bigint; reading: ClockReading }): void {
    const reading = readClocks(this.#kernel);
    const isKnown = receivedAt !== undefined && !wasSet(sent.reading, reading);
    // NaN is refused and counted like any other impossible value.
    const stamped = isKnown ? Number(receivedAt - sent.at) / 1e9 : Number.NaN;
    const answerSeconds = this.#kernel.believe(stamped, Number(reading.after - sent.reading.before) / 1e9);
    const handshakeSeconds = this.#handshakeSeconds;
    if (answerSeconds === undefined || handshakeSeconds === undefined) {
      this.#give(verdict);
      return;
    }
    const seconds = handshakeSeconds + answerSeconds;
    this.#give(seconds * 1000 > this.#timeoutMs ? 'timeout' : verdict, seconds);
  }

  #connect(): boolean {
    return retried(() => this.#kernel.connectTcp(this.#fd, this.#to));
  }

  /** @param expired the outcome if there is no time left */
  #lookLater(expired: DnsExchange['verdict']): void {
    if (this.#looks.isLast) this.#give(expired);
    else this.#looks.later();
  }

  #failed(error: unknown): void {
    const failure = error instanceof KernelCallError ? socketFailure(error) : undefined;
    if (failure !== undefined) this.#give(asRefused(failure));
    else {
      this.#end();
      this.#ended.reject(error);
    }
  }

  #give(verdict: DnsExchange['verdict'], seconds?: number): void {
    this.#end();
    this.#ended.resolve({ verdict, seconds, retransmits: this.#retransmits });
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
