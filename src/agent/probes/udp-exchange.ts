import { createSocket } from 'node:dgram';
import { monotonicNs, secondsSince } from '../../base/clock.ts';
import { afterDelay } from '../../base/delay.ts';
import type { FailureReason } from '../../contract/failure-reason.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { type ClockReading, readClocks, wasSet } from '../kernel/realtime.ts';
import { familyOf } from './address-family.ts';
import type { ProbeContext, Timing } from './probe.ts';
import { retried, socketFailure } from './socket-failure.ts';
import type { UdpSockets, UdpUser } from './udp-sockets.ts';

/**
 * After so many messages that are not the answer, an exchange ends as `malformed`: a flood of them must not take the
 * agent's CPU time until the timeout. Whoever sends fewer has little chance to keep the answer from being heard.
 */
export const maxPassedOver = 10_000;

/** Times at which a datagram was sent and its answer received, in nanoseconds of CLOCK_REALTIME. */
export interface ExchangeTimes {
  sentAt: bigint;
  receivedAt: bigint;
}

/** Result of one datagram. */
export interface UdpExchange<Answer> {
  outcome: Answer | FailureReason;
  /** From sending until the answer or the timeout; with the timing `clock` until the answer was noticed. */
  seconds: number;
  timing: Timing;
  /** Undefined without an answer, and if the times cannot be right because the system clock was set in between. */
  times: ExchangeTimes | undefined;
}

/** An exchange that has begun. After `cancel` or `expire` nothing more comes of it. */
interface OpenExchange {
  /** Looks whether an answer has come. */
  look(): void;
  /** Ends it without a result. */
  cancel(): void;
  /** Ends it with the result that there was no answer in time, also before this look; does nothing if it has ended. */
  expire(): void;
}

/** Called once with the result, or with a system error if the agent is at fault. May be called before it has begun. */
export type ExchangeEnd<Answer> = (result: UdpExchange<Answer> | Error) => void;

/** Where datagrams are sent from. */
export type ExchangeContext = Pick<ProbeContext, 'kernel' | 'udpSockets'>;

/**
 * Sends one datagram from its own socket with a random source port, and waits for the answer. The socket is connected,
 * so it receives only from that address and port. Messages that `judge` rejects are ignored. If the timeout expires
 * after such messages, or there are too many of them, the outcome is `malformed` instead of `timeout`. Resolves for
 * everything that the network does.
 * @param judge returns undefined for a message that is not the answer, for example a forged or late one. Must not throw
 * @throws the reason of the signal if aborted; RangeError if `host` is not an address; a system error if the agent is
 *   at fault
 */
export function exchangeOverUdp<Answer>(
  target: { host: string; port: number },
  datagram: Uint8Array,
  judge: (message: Buffer) => Answer | undefined,
  { timeoutMs, signal, kernel, udpSockets }: ProbeContext,
): Promise<UdpExchange<Answer>> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const family = familyOf(target.host);
    const end = (settle: () => void) => {
      cancelTimeout();
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onAbort = () => {
      exchange.cancel();
      end(() => reject(signal.reason));
    };
    const cancelTimeout = afterDelay(timeoutMs, () => exchange.expire());
    signal.addEventListener('abort', onAbort, { once: true });
    const exchange = new Exchange<Answer>(datagram, judge, kernel, (result) =>
      end(() => (result instanceof Error ? reject(result) : resolve(result))),
    );
    if (kernel && udpSockets) exchange.sendByKernel(family, target.host, target.port, udpSockets);
    else exchange.sendByNode(family, target.host, target.port);
  });
}

/**
 * Exchanges with one address like `exchangeOverUdp`, for callers with their own timer: each ends with an answer, or
 * when the caller ends it. With the kernel it is polled: the kernel keeps the answer with its time until the caller
 * looks, which saves the process a wake-up. The time at which the datagram was sent is then that at which it entered
 * the queue of the network interface. What the exchanges have in common is found out once.
 */
export class UdpExchanges {
  readonly #host: string;
  readonly #port: number;
  readonly #family: 4 | 6;
  readonly #context: ExchangeContext;
  readonly #begun: OpenExchange[] = [];
  readonly #clocks: SharedReadings;
  #to: Uint8Array | undefined;

  /** @throws RangeError if `host` is not an address */
  constructor({ host, port }: { host: string; port: number }, context: ExchangeContext) {
    this.#host = host;
    this.#port = port;
    this.#family = familyOf(host);
    this.#context = context;
    this.#clocks = new SharedReadings(context.kernel);
  }

  /** How many have begun. */
  get count(): number {
    return this.#begun.length;
  }

  /**
   * Begins an exchange.
   * @param datagram may be changed afterwards
   */
  begin<Answer>(datagram: Uint8Array, judge: (message: Buffer) => Answer | undefined, end: ExchangeEnd<Answer>): void {
    const { kernel, udpSockets } = this.#context;
    const exchange = new Exchange(datagram, judge, kernel, end, this.#clocks);
    // Known before anything comes of it.
    this.#begun.push(exchange);
    if (kernel && udpSockets) exchange.sendPolled(this.#family, () => this.#address(kernel), udpSockets);
    else exchange.sendByNode(this.#family, this.#host, this.#port);
  }

  /** Looks whether answers have come. Without the kernel they end their exchanges when they come. */
  look(): void {
    this.#clocks.forget();
    for (const exchange of this.#begun) exchange.look();
  }

  /** Ends all without a result. */
  cancel(): void {
    for (const exchange of this.#begun) exchange.cancel();
  }

  /** Ends all with the result that there was no answer in time, also before this look. */
  expire(): void {
    this.#clocks.forget();
    for (const exchange of this.#begun) exchange.expire();
  }

  #address(kernel: Kernel): Uint8Array {
    this.#to ??= kernel.socketAddress(this.#host, this.#port);
    return this.#to;
  }
}

/** Readings of both clocks around exchanges. */
interface Readings {
  /** One that is not later than now: before a datagram is sent. */
  before(): ClockReading;
  /** One that is not earlier than now: after an answer was read. */
  after(): ClockReading;
}

/** The last reading after an answer is also one before the datagram that is sent next. */
class SharedReadings implements Readings {
  readonly #kernel: Kernel | undefined;
  #last: ClockReading | undefined;

  constructor(kernel: Kernel | undefined) {
    this.#kernel = kernel;
  }

  before(): ClockReading {
    const reading = this.#last ?? readClocks(this.#kernel);
    this.#last = undefined;
    return reading;
  }

  after(): ClockReading {
    this.#last = readClocks(this.#kernel);
    return this.#last;
  }

  /** Forgets the last reading, which is too old for what is sent from here on. */
  forget(): void {
    this.#last = undefined;
  }
}

class Exchange<Answer> implements OpenExchange, UdpUser {
  readonly #datagram: Uint8Array;
  readonly #judge: (message: Buffer) => Answer | undefined;
  readonly #kernel: Kernel | undefined;
  readonly #end: ExchangeEnd<Answer>;
  readonly #readings: Readings;
  #isPolled = false;
  #isStampRead = false;
  #fd: number | undefined;
  #release: (() => void) | undefined;
  #ended = false;
  #startedAt = monotonicNs();
  #sent: { at: bigint; reading: ClockReading } | undefined;
  #passedOver = 0;

  constructor(
    datagram: Uint8Array,
    judge: (message: Buffer) => Answer | undefined,
    kernel: Kernel | undefined,
    end: ExchangeEnd<Answer>,
    readings: Readings = { before: () => readClocks(kernel), after: () => readClocks(kernel) },
  ) {
    this.#datagram = datagram;
    this.#judge = judge;
    this.#kernel = kernel;
    this.#end = end;
    this.#readings = readings;
  }

  sendByKernel(family: 4 | 6, host: string, port: number, sockets: UdpSockets): void {
    try {
      const socket = sockets.take(family, this);
      this.#release = () => sockets.giveBack(socket);
      this.#send(socket.fd, this.#kernel!.socketAddress(host, port));
    } catch (error) {
      this.failed(error as Error);
    }
  }

  sendPolled(family: 4 | 6, to: () => Uint8Array, sockets: UdpSockets): void {
    this.#isPolled = true;
    try {
      const fd = sockets.takeStamped(family);
      this.#release = () => sockets.giveStampedBack(family, fd, this.#isStampRead);
      this.#send(fd, to());
    } catch (error) {
      this.failed(error as Error);
    }
  }

  #send(fd: number, to: Uint8Array): void {
    const kernel = this.#kernel!;
    this.#fd = fd;
    kernel.connect(fd, to);
    const reading = this.#readings.before();
    this.#startedAt = reading.before;
    this.#sent = { at: kernel.send(fd, this.#datagram), reading };
  }

  sendByNode(family: 4 | 6, host: string, port: number): void {
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    const datagram = Buffer.from(this.#datagram);
    this.#release = () => {
      socket.removeAllListeners().on('error', () => {});
      socket.close();
    };
    socket.on('error', (error) => this.failed(error));
    socket.on('message', (message, { address, port: from }) => {
      // Until it is connected, the socket is bound for a moment.
      if (!this.#sent) return;
      const remote = socket.remoteAddress();
      if (address === remote.address && from === remote.port) this.received(message);
    });
    socket.once('connect', () => {
      const reading = readClocks(undefined);
      this.#startedAt = reading.before;
      socket.send(datagram);
      this.#sent = { at: reading.realtime, reading };
    });
    socket.connect(port, host);
  }

  look(): void {
    if (!this.#isPolled || !this.#sent) return;
    try {
      while (!this.#ended) {
        const datagram = retried(() => this.#kernel!.receive(this.#fd!));
        if (!datagram) return;
        this.#judgeMessage(datagram.message, undefined, datagram.receivedAt);
      }
    } catch (error) {
      this.failed(error as Error);
    }
  }

  received(message: Buffer): void {
    const elapsed = secondsSince(this.#startedAt);
    const stamp = this.#fd === undefined ? undefined : this.#kernel?.receivedAt(this.#fd);
    this.#judgeMessage(message, elapsed, stamp);
  }

  /** @param noticed seconds after which it was noticed; undefined: it waited, so that is not worth a call */
  #judgeMessage(message: Buffer, noticed: number | undefined, stamp: bigint | undefined): void {
    const kernel = this.#kernel;
    const sent = this.#sent;
    if (!sent) return;
    const outcome = this.#judge(message);
    if (outcome === undefined) {
      if (++this.#passedOver === maxPassedOver) this.#giveUp('malformed');
      return;
    }
    const reading = this.#readings.after();
    const elapsed = noticed ?? Number(reading.after - this.#startedAt) / 1e9;
    const set = wasSet(sent.reading, reading);
    const receivedAt = kernel ? stamp : reading.realtime;
    const sentAt = receivedAt === undefined ? sent.at : this.#sentAt(sent.at, receivedAt);
    // NaN is refused and counted like any other impossible value. Of a polled answer no other time is known.
    const missing = this.#isPolled ? Number.NaN : undefined;
    const stamped = stamp === undefined ? missing : set ? Number.NaN : Number(stamp - sentAt) / 1e9;
    const seconds = kernel?.believe(stamped, elapsed);
    const known = receivedAt !== undefined && !set && (!kernel || seconds !== undefined);
    this.#finish({
      outcome,
      seconds: seconds ?? elapsed,
      timing: seconds === undefined ? 'clock' : 'kernel',
      times: known ? { sentAt, receivedAt } : undefined,
    });
  }

  /** @param before the time right before the system call that sent, which takes longer than many networks */
  #sentAt(before: bigint, receivedAt: bigint): bigint {
    const transmittedAt = this.#isPolled ? this.#kernel!.transmittedAt(this.#fd!) : undefined;
    this.#isStampRead = transmittedAt !== undefined;
    const isPossible = transmittedAt !== undefined && before <= transmittedAt && transmittedAt < receivedAt;
    return isPossible ? transmittedAt : before;
  }

  failed(error: Error): void {
    const failure = socketFailure(error);
    if (failure === undefined) this.#finish(error);
    else this.#giveUp(failure === 'reset' ? 'refused' : failure);
  }

  expire(): void {
    this.look();
    this.#giveUp(this.#passedOver > 0 ? 'malformed' : 'timeout');
  }

  cancel(): void {
    this.#ended = true;
    this.#release?.();
    this.#release = undefined;
  }

  #giveUp(outcome: FailureReason): void {
    if (this.#ended) return;
    const seconds = secondsSince(this.#startedAt);
    this.#finish({ outcome, seconds, timing: this.#kernel ? 'kernel' : 'clock', times: undefined });
  }

  #finish(result: UdpExchange<Answer> | Error): void {
    if (this.#ended) return;
    this.cancel();
    this.#end(result);
  }
}
