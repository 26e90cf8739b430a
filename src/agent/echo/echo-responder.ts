import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { type EchoLimits, echoLimits } from '../../listeners/listener-limits.ts';
import { EchoClients, type EchoRefusal } from './echo-clients.ts';
import { makeEchoAnswer, readEchoRequest } from './echo-message.ts';

/**
 * Why a datagram got no answer: it is not a valid request, a rate limit was exceeded, or the system did not send the
 * answer.
 */
export type EchoDropReason = 'foreign' | EchoRefusal | 'unsent';

/** Events of the responder. */
export interface EchoEvents {
  answered(): void;
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
 * with more bytes than received (no amplification), and at limited rates. A failed socket is reported and reopened,
 * and affects nothing else.
 */
export class EchoResponder {
  readonly #clock: Clock;
  readonly #events: EchoEvents;
  readonly #clients: EchoClients;
  readonly #listeners = new Set<Listener>();

  constructor(clock: Clock, events: EchoEvents, limits: EchoLimits = echoLimits) {
    this.#clock = clock;
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
        new Listener(port, alternatives, this.#clock, this.#events, (message, client, socket) =>
          this.#receive(message, client, socket),
        ),
      );
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
  }

  #receive(message: Buffer, client: RemoteInfo, socket: Socket): void {
    const reason = this.#answer(message, client, socket);
    if (reason) this.#events.dropped(reason);
  }

  #answer(message: Buffer, { address, port }: RemoteInfo, socket: Socket): EchoDropReason | undefined {
    const request = readEchoRequest(message);
    // Port 0 cannot be answered.
    if (!request || port === 0) return 'foreign';
    const receipt = this.#clients.take(request, address);
    if (typeof receipt === 'string') return receipt;
    makeEchoAnswer(message, receipt);
    socket.send(message, port, address, (error) => {
      if (error) this.#events.dropped('unsent');
      else this.#events.answered();
    });
    return undefined;
  }
}

/** One socket, reopened after each failure. */
class Listener {
  readonly #port: number;
  readonly #addresses: readonly string[];
  readonly #clock: Clock;
  readonly #events: EchoEvents;
  readonly #receive: (message: Buffer, client: RemoteInfo, socket: Socket) => void;
  #socket: Socket | undefined;
  #failing = false;
  #cancelReopening = () => {};

  constructor(
    port: number,
    addresses: readonly string[],
    clock: Clock,
    events: EchoEvents,
    receive: (message: Buffer, client: RemoteInfo, socket: Socket) => void,
  ) {
    this.#port = port;
    this.#addresses = addresses;
    this.#clock = clock;
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
    socket.on('message', (message, client) => this.#receive(message, client, socket));
    socket.once('listening', () => {
      this.#failing = false;
      this.#events.listening(address!, socket.address().port);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      this.#closeSocket();
      if (others.length > 0 && (error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL'))
        return this.#open(others);
      if (!this.#failing) this.#events.failed(address!, error);
      this.#failing = true;
      this.#cancelReopening = this.#clock.after(reopenMs, () => this.#open(this.#addresses));
    });
    socket.bind({ address: address!, port: this.#port, exclusive: true });
  }

  #closeSocket(): void {
    // Pending sends can still fail.
    this.#socket?.removeAllListeners().on('error', () => {});
    this.#socket?.close();
    this.#socket = undefined;
  }
}
