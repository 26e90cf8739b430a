import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { type Rate, TokenBucket } from '../../base/token-bucket.ts';
import { makeEchoAnswer, readEchoRequest } from './echo-message.ts';
import { EchoReceipts } from './echo-receipts.ts';

/** Why a datagram got no answer: it is no request of ours, too many came, or the system did not send the answer. */
export type EchoDropReason = 'foreign' | 'rate' | 'unsent';

/** What the responder tells about itself. */
export interface EchoEvents {
  answered(): void;
  dropped(reason: EchoDropReason): void;
  /** Nothing is answered at this address, until `listening` says otherwise. Told once for each time it fails. */
  failed(address: string, error: NodeJS.ErrnoException): void;
  listening(address: string, port: number): void;
}

/** How many answers there may be, whoever asks: a hundred peers that send ten packets each second, twice; for the processor a tenth of a core at most. */
const defaultLimits: Rate = { perSecond: 2000, burst: 500 };

/** How long after a failure the socket is opened anew, in milliseconds. */
const reopenMs = 5000;

/** The addresses that stand for all of the machine's, in the order in which they are tried. */
const anyAddress = ['::', '0.0.0.0'];

/**
 * Sends the other agents' echo requests back. It answers only what is exactly a request of ours, from the address that was asked, never with
 * more octets than came (so that it amplifies nothing), and at a bounded rate. Whatever befalls its sockets is told and
 * tried again, and is nobody else's trouble.
 */
export class EchoResponder {
  readonly #clock: Clock;
  readonly #events: EchoEvents;
  readonly #receipts: EchoReceipts;
  readonly #bucket: TokenBucket;
  readonly #listeners = new Set<Listener>();

  constructor(clock: Clock, events: EchoEvents, limits = defaultLimits, receipts = new EchoReceipts()) {
    this.#clock = clock;
    this.#events = events;
    this.#receipts = receipts;
    this.#bucket = new TokenBucket(limits, clock);
  }

  /**
   * Opens a socket for each address: bound to it, a socket answers from there, whatever the routes say. Never throws.
   * @param addresses of the pod. None: all of the machine's, IPv6 and IPv4, where the system chooses what to answer from
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
    // Port 0 is nobody's: it asks for no answer.
    if (!request || port === 0) return 'foreign';
    // Before the rate: the request did come, and its answer is what gets lost.
    const receipt = this.#receipts.count(request);
    if (!this.#bucket.allow()) return 'rate';
    makeEchoAnswer(message, receipt);
    socket.send(message, port, address, (error) => {
      if (error) this.#events.dropped('unsent');
      else this.#events.answered();
    });
    return undefined;
  }
}

/** One socket, opened again whenever it fails. */
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
    // An address needs no lookup, which would only hold the answer up.
    const socket = createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
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
    // What is still on its way may yet fail.
    this.#socket?.removeAllListeners().on('error', () => {});
    this.#socket?.close();
    this.#socket = undefined;
  }
}
