import type { ReceivedDatagram } from './kernel-messages.ts';
import type { TcpInfo } from './kernel-tcp-info.ts';

export type { ReceivedDatagram } from './kernel-messages.ts';
export type { TcpInfo } from './kernel-tcp-info.ts';

/**
 * Timing information and socket options of the Linux kernel that need no privilege. Callers pass open descriptors; none
 * is kept here.
 */
export interface Kernel {
  /** TCP_INFO of a TCP socket in any state (tcp(7)); undefined if the call fails or returns too little data. */
  tcpInfo(fd: number): TcpInfo | undefined;
  /**
   * Opens a non-blocking UDP socket with kernel receive timestamps that reports ICMP errors (ip(7), IP_RECVERR).
   * @returns a descriptor that the caller must close with `closeSocket` or pass to a `dgram.Socket`
   * @throws KernelCallError
   */
  openUdpSocket(family: 4 | 6): number;
  /**
   * Opens a non-blocking UDP socket with kernel receive timestamps that is bound to an address of this machine, or to
   * all. It hears nothing of ICMP errors: those that some client causes must not affect others.
   * @returns as `openUdpSocket`
   * @throws KernelCallError, such as EADDRINUSE
   */
  openBoundUdpSocket(address: string, port: number): number;
  /**
   * Opens a non-blocking UDP socket like `openUdpSocket`, of which the kernel also stamps what is sent. It is read by
   * `receive` and must not be given to Node.
   * @throws KernelCallError
   */
  openStampedUdpSocket(family: 4 | 6): number;
  /**
   * Reads a datagram from a socket of `openStampedUdpSocket`, or what has come on a connection of
   * `openStampedTcpSocket`, with the time of the last segment: an empty message is the end of the stream.
   * @returns undefined if nothing waits
   * @throws KernelCallError, also for an ICMP error, such as ECONNREFUSED, and for a reset, once the data is read
   */
  receive(fd: number): ReceivedDatagram | undefined;
  /** What waits to be read on a connection, up to 2 KiB, without reading it. Valid until the next call of `receive`. */
  peek(fd: number): Buffer | undefined;
  /**
   * When the last datagram of a socket of `openStampedUdpSocket` entered the queue of the network interface (its packet
   * scheduler), in nanoseconds of CLOCK_REALTIME. Can be read once. Never that of an earlier datagram, which may enter
   * it long after it was sent.
   * @returns undefined if it has not: the kernel does not know the next hop's MAC address yet, or dropped the datagram
   */
  transmittedAt(fd: number): bigint | undefined;
  /**
   * Opens a non-blocking TCP socket.
   * @returns a descriptor that the caller must close with `closeSocket` or `resetConnection`
   * @throws KernelCallError
   */
  openTcpSocket(family: 4 | 6): number;
  /**
   * Opens a non-blocking TCP socket with kernel receive timestamps, which is read by `receive`.
   * @returns as `openTcpSocket`
   * @throws KernelCallError
   */
  openStampedTcpSocket(family: 4 | 6): number;
  /**
   * Begins to connect a TCP socket; if it has begun, looks how far that is.
   * @returns whether the connection is established
   * @throws KernelCallError if it failed, or was reset since, such as ECONNREFUSED
   */
  connectTcp(fd: number, to: Uint8Array): boolean;
  /** The error of a socket since the last call (SO_ERROR, socket(7)), such as `ECONNRESET`; undefined if none. */
  pendingError(fd: number): string | undefined;
  /** Closes a TCP socket and resets its connection. */
  resetConnection(fd: number): void;
  /**
   * Lets a listening socket accept connections only once their clients have sent something (TCP_DEFER_ACCEPT, tcp(7)).
   * Those that are silent for this number of seconds, at least one, are accepted then. A failure changes nothing.
   * @param seconds 0: every connection is accepted at once
   */
  deferAccept(fd: number, seconds: number): void;
  /** Closes a descriptor of this interface that has no other owner. */
  closeSocket(fd: number): void;
  /**
   * Connects a UDP socket, which gives it a random port.
   * @throws KernelCallError, such as ENETUNREACH
   */
  connect(fd: number, to: Uint8Array): void;
  /**
   * Ends the connection of a UDP socket, gives its port back and drops what it has received.
   * @param isStampRead whether `transmittedAt` gave the time of what was sent, so that no other is to be dropped
   * @returns whether it can be connected again: false if an error is pending, or if a datagram could not be sent on a
   *   socket of `openStampedUdpSocket`
   */
  disconnect(fd: number, isStampRead?: boolean): boolean;
  /**
   * Sends one datagram on a connected socket, or a short message on a new TCP connection.
   * @returns the time right before it was sent, in nanoseconds of CLOCK_REALTIME
   * @throws KernelCallError
   */
  send(fd: number, datagram: Uint8Array): bigint;
  /**
   * Encodes an address for `connect` and `sendTo`.
   * @param address in the form of the socket's family: an IPv4 address on an IPv6 socket begins with `::ffff:`; with a
   *   zone, such as `fe80::1%eth0`, if it has one
   * @throws KernelCallError if it is not an address
   */
  socketAddress(address: string, port: number): Uint8Array;
  /**
   * Sends one datagram on a socket that is not connected.
   * @param age a field of the datagram to be brought up to date right before
   * @returns whether the system accepted it
   */
  sendTo(fd: number, datagram: Uint8Array, to: Uint8Array, age?: AgeField): boolean;
  /**
   * Now, in nanoseconds of CLOCK_REALTIME.
   * @throws KernelCallError
   */
  now(): bigint;
  /** Receive time of the last datagram that was read, in nanoseconds of CLOCK_REALTIME (SIOCGSTAMPNS, socket(7)). */
  receivedAt(fd: number): bigint | undefined;
  /**
   * Returns a latency only if it is plausible. It must be above zero and not above the elapsed monotonic time;
   * otherwise CLOCK_REALTIME may have been set meanwhile.
   * @param seconds the value of the kernel; undefined if it provided none
   * @param elapsedSeconds of the monotonic clock, from before to after what the kernel timed
   * @returns undefined for an implausible or missing value
   */
  believe(seconds: number | undefined, elapsedSeconds: number): number | undefined;
  /** Number of values that `believe` rejected. */
  readonly refusals: number;
  /**
   * Limits what the kernel holds of sent data until the peer has read it, to about twice this number of bytes. The
   * connections of a listening socket inherit it (SO_SNDBUF, socket(7)). A failure leaves the kernel's own limit, up to
   * 4 MiB per connection.
   */
  limitSendBuffer(fd: number, bytes: number): void;
  /** Closes the socket that keeps timestamping enabled. */
  close(): void;
}

/**
 * A field of a datagram that says how long ago something was, as an unsigned 32-bit number of nanoseconds, big-endian.
 * It must hold a value that was right up to a tenth of a second before.
 */
export interface AgeField {
  /** Of the field in the datagram. */
  offset: number;
  /** When it was, in nanoseconds of CLOCK_REALTIME. */
  since: bigint;
}

/** A failed system call; `code` is the name of the errno, such as `EMFILE`. */
export class KernelCallError extends Error {
  override readonly name = 'KernelCallError';
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, code: string) {
    super(`${syscall} failed: ${code}`);
    this.syscall = syscall;
    this.code = code;
  }
}
