import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { type EchoLimits, echoLimits } from '../../listeners/listener-limits.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { readClocks } from '../kernel/realtime.ts';
import { DwellClock } from './dwell-clock.ts';
import { EchoClients, type EchoRefusal } from './echo-clients.ts';
import { echoDwellOffset, makeEchoAnswer, readEchoRequest, writeEchoDwell } from './echo-message.ts';

/**
 * Why a datagram got no answer: it is not a valid request, a rate limit was exceeded, or the system did not send the
 * answer.
 */
export type EchoDropReason = 'foreign' | EchoRefusal | 'unsent';

/** Events of the responder. */
export interface EchoEvents {
  /** @param dwellSeconds how long the request waited; undefined if unknown */
  answered(dwellSeconds: number | undefined): void;
  dropped(reason: EchoDropReason): void;
  /**
   * The socket of this address failed and is being reopened. Called once per failure; `listening` follows when it works
   * again.
   */
  failed(address: string, error: NodeJS.ErrnoException): void;
  listening(address: string, port: number): void;
}

/**
 * Size of the receive buffer that is asked for, in bytes; the kernel caps it at net.core.rmem_max. It holds what
 * arrives while the agent does something else.
 */
const receiveBufferBytes = 1 << 20;

/** Delay before a failed socket is reopened, in milliseconds. */
const reopenMs = 5000;

/** The wildcard addresses, in the order in which they are tried. */
const anyAddress = ['::', '0.0.0.0'];

/**
 * Answers the echo requests of other agents. It answers only valid requests, from the address that received them, never
 * with more bytes than received (no amplification), and at limited rates. Each answer says how long its request waited
 * since the kernel received it, so that the prober can subtract that (as in RFC 8762). A failed socket is reported and
 * reopened, and affects nothing else.
 */
export class EchoResponder {
  readonly #clock: Clock;
  readonly #kernel: Kernel | undefined;
  readonly #dwells: DwellClock | undefined;
  readonly #events: EchoEvents;
  readonly #clients: EchoClients;
  readonly #listeners = new Set<Listener>();

  /** @param kernel without it, answers say that the dwell is unknown */
  constructor(clock: Clock, kernel: Kernel | undefined, events: EchoEvents, limits: EchoLimits = echoLimits) {
    this.#clock = clock;
    this.#kernel = kernel;
    this.#dwells = kernel && new DwellClock(() => readClocks(kernel));
    this.#events = events;
    this.#clients = new EchoClients(limits, clock);
  }

  /**
   * Opens a socket for each address. A bound socket answers from its own address, whatever the routes are. Never
   * throws.
   * @param addresses of the pod. Empty: all addresses of the machine, IPv6 and IPv4, and the system chooses the source
   *   address
   */
  listen(port: number, addresses: readonly string[]): void {
    const wanted = addresses.length > 0 ? addresses.map((address) => [address]) : [anyAddress];
    for (const alternatives of wanted)
      this.#listeners.add(
        new Listener(port, alternatives, this.#clock, this.#kernel, this.#events, (message, client, at) => {
          const reason = this.#answer(message, client, at);
          if (reason) this.#events.dropped(reason);
        }),
      );
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
  }

  /** Called for each datagram right after it was read, before the next one is: the kernel keeps the last stamp only. */
  #answer(message: Buffer, { address, port }: RemoteInfo, { socket, fd }: EchoSocket): EchoDropReason | undefined {
    const request = readEchoRequest(message);
    // Port 0 cannot be answered.
    if (!request || port === 0) return 'foreign';
    const receipt = this.#clients.take(request, address);
    if (typeof receipt === 'string') return receipt;
    makeEchoAnswer(message, receipt, request.answerVersion);
    if (fd === undefined) {
      socket.send(message, port, address, (error) => {
        if (error) this.#events.dropped('unsent');
        else this.#events.answered(undefined);
      });
      return undefined;
    }
    const kernel = this.#kernel!;
    const to = kernel.socketAddress(address, port);
    const since = kernel.receivedAt(fd);
    const dwellNs = this.#dwells!.since(since);
    const says = dwellNs !== undefined && request.answerVersion >= 2;
    if (says) writeEchoDwell(message, dwellNs);
    // By the kernel's own call: Node's way to it takes longer than many round trips, after the dwell was read.
    const age = says ? { offset: echoDwellOffset, since: since! } : undefined;
    if (!kernel.sendTo(fd, message, to, age)) return 'unsent';
    this.#events.answered(dwellNs === undefined ? undefined : dwellNs / 1e9);
    return undefined;
  }
}

/** An open socket. */
interface EchoSocket {
  socket: Socket;
  /** Its descriptor, with kernel timestamps; undefined without the kernel. */
  fd: number | undefined;
}

/** One socket, reopened after each failure. */
class Listener {
  readonly #port: number;
  readonly #addresses: readonly string[];
  readonly #clock: Clock;
  readonly #kernel: Kernel | undefined;
  readonly #events: EchoEvents;
  readonly #receive: (message: Buffer, client: RemoteInfo, at: EchoSocket) => void;
  #socket: Socket | undefined;
  #failing = false;
  #cancelReopening = () => {};

  constructor(
    port: number,
    addresses: readonly string[],
    clock: Clock,
    kernel: Kernel | undefined,
    events: EchoEvents,
    receive: (message: Buffer, client: RemoteInfo, at: EchoSocket) => void,
  ) {
    this.#port = port;
    this.#addresses = addresses;
    this.#clock = clock;
    this.#kernel = kernel;
    this.#events = events;
    this.#receive = receive;
    this.#open(addresses);
  }

  close(): void {
    this.#cancelReopening();
    this.#closeSocket();
  }

  #open([address, ...others]: readonly string[]): void {
    const family = isIP(address!);
    // Skips the lookup of an address, which would delay the answer.
    const socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      recvBufferSize: receiveBufferBytes,
      lookup: (host, _, done) => done(null, host, family),
    });
    this.#socket = socket;
    const onError = (error: NodeJS.ErrnoException) => {
      this.#closeSocket();
      if (others.length > 0 && (error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL'))
        return this.#open(others);
      if (!this.#failing) this.#events.failed(address!, error);
      this.#failing = true;
      this.#cancelReopening = this.#clock.after(reopenMs, () => this.#open(this.#addresses));
    };
    socket.once('error', onError);
    socket.once('listening', () => {
      this.#failing = false;
      this.#events.listening(address!, socket.address().port);
    });
    let fd: number | undefined;
    try {
      fd = this.#kernel?.openBoundUdpSocket(address!, this.#port);
      socket.on('message', (message, client) => this.#receive(message, client, { socket, fd }));
      socket.bind(
        fd === undefined ? { address: address!, port: this.#port, exclusive: true } : { fd, exclusive: true },
      );
    } catch (error) {
      onError(error as NodeJS.ErrnoException);
    }
  }

  #closeSocket(): void {
    // Pending sends can still fail.
    this.#socket?.removeAllListeners().on('error', () => {});
    this.#socket?.close();
    this.#socket = undefined;
  }
}
