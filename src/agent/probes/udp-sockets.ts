import { createSocket, type Socket } from 'node:dgram';
import type { Kernel } from '../kernel/kernel.ts';

/** Maximum number of idle sockets of each kind and family. Few exchanges run at once, unless answers are missing. */
const defaultIdle = 4;

/** Gets what happens at a socket while it is in use. */
export interface UdpUser {
  /** A datagram came. Its time stamp can be read until this returns. */
  received(message: Buffer): void;
  /** The socket cannot be used any longer, for example because of an ICMP error. */
  failed(error: Error): void;
}

/**
 * UDP sockets with kernel timestamps, each used for one exchange after the other: a socket of Node costs more than the
 * exchange. Between two of them it is disconnected, so it gets a new random port for each, and hears nothing else.
 */
export class UdpSockets {
  readonly #kernel: Kernel;
  readonly #maxIdle: number;
  readonly #idle = { 4: [] as UdpSocket[], 6: [] as UdpSocket[] };
  readonly #idleStamped = { 4: [] as number[], 6: [] as number[] };

  /** @param maxIdle most sockets of each kind and family that are kept */
  constructor(kernel: Kernel, maxIdle = defaultIdle) {
    this.#kernel = kernel;
    this.#maxIdle = maxIdle;
  }

  /** @throws KernelCallError or a system error if there is no socket left, or no network of this family */
  take(family: 4 | 6, user: UdpUser): UdpSocket {
    const socket = this.#idle[family].pop() ?? new UdpSocket(this.#kernel, family);
    socket.user = user;
    return socket;
  }

  /** Takes a socket back. The user hears nothing more of it. */
  giveBack(socket: UdpSocket): void {
    socket.user = undefined;
    const idle = this.#idle[socket.family];
    if (idle.length < this.#maxIdle && !socket.failed && this.#kernel.disconnect(socket.fd)) idle.push(socket);
    else socket.close();
  }

  /**
   * A descriptor of `Kernel.openStampedUdpSocket`.
   * @throws as `take`
   */
  takeStamped(family: 4 | 6): number {
    return this.#idleStamped[family].pop() ?? this.#kernel.openStampedUdpSocket(family);
  }

  /** @param isStampRead as for `Kernel.disconnect` */
  giveStampedBack(family: 4 | 6, fd: number, isStampRead: boolean): void {
    const idle = this.#idleStamped[family];
    if (idle.length < this.#maxIdle && this.#kernel.disconnect(fd, isStampRead)) idle.push(fd);
    else this.#kernel.closeSocket(fd);
  }

  /** Closes the idle sockets. */
  close(): void {
    for (const family of [4, 6] as const) {
      for (const socket of this.#idle[family].splice(0)) socket.close();
      for (const fd of this.#idleStamped[family].splice(0)) this.#kernel.closeSocket(fd);
    }
  }
}

/** A socket of Node on a descriptor of the kernel's interface. */
export class UdpSocket {
  readonly family: 4 | 6;
  readonly fd: number;
  user: UdpUser | undefined;
  /** Whether it has failed, and must not be used again. */
  failed = false;
  readonly #socket: Socket;

  constructor(kernel: Kernel, family: 4 | 6) {
    this.family = family;
    this.#socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    let fd: number | undefined;
    try {
      fd = kernel.openUdpSocket(family);
      // From here on the socket owns and closes the descriptor.
      this.#socket.bind({ fd, exclusive: true });
    } catch (error) {
      if (fd !== undefined) kernel.closeSocket(fd);
      this.#socket.close();
      throw error;
    }
    this.fd = fd;
    this.#socket.unref();
    this.#socket.on('message', (message) => this.user?.received(message));
    this.#socket.on('error', (error) => {
      this.failed = true;
      this.user?.failed(error);
    });
  }

  close(): void {
    this.#socket.close();
  }
}
