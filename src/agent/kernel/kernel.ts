import { type Libc, loadLibc } from './kernel-libc.ts';
import { parseTcpInfo, type TcpInfo, tcpInfoBytes } from './kernel-tcp-info.ts';

export type { TcpInfo } from './kernel-tcp-info.ts';

/** Timing information of the Linux kernel that needs no privilege. Callers pass open descriptors; none is kept here. */
export interface Kernel {
  /** TCP_INFO of a TCP socket in any state (tcp(7)); undefined if the call fails or returns too little data. */
  tcpInfo(fd: number): TcpInfo | undefined;
  /**
   * Opens a non-blocking UDP socket with kernel receive timestamps that reports ICMP errors (ip(7), IP_RECVERR).
   * @returns a descriptor that the caller must close with `closeSocket` or pass to a `dgram.Socket`
   * @throws KernelCallError
   */
  openUdpSocket(family: 4 | 6): number;
  /** Closes a descriptor of `openUdpSocket` that has no other owner. */
  closeSocket(fd: number): void;
  /**
   * Sends one datagram on a connected socket.
   * @returns the time right before it was sent, in nanoseconds of CLOCK_REALTIME
   * @throws KernelCallError
   */
  send(fd: number, datagram: Uint8Array): bigint;
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
  /** Closes the socket that keeps timestamping enabled. */
  close(): void;
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

/**
 * Tests once whether kernel timing is available.
 * @returns undefined if the FFI, the C library (musl, another architecture) or a system call (seccomp, gVisor) is
 *   missing: the probes then use the JavaScript clock
 */
export function openKernel(load: () => Libc | undefined = loadLibc): Kernel | undefined {
  const libc = load();
  if (!libc) return undefined;
  let kernel: LinuxKernel | undefined;
  try {
    kernel = new LinuxKernel(libc);
    kernel.selfTest();
    return kernel;
  } catch {
    kernel?.close();
    return undefined;
  }
}

const afInet = 2;
const afInet6 = 10;
const sockStream = 1;
const sockDgram = 2;
const sockNonblockCloexec = 0o4000 | 0o2000000;
const ipprotoIp = 0;
const ipRecverr = 11;
const ipprotoTcp = 6;
const tcpInfoOption = 11;
const ipprotoIpv6 = 41;
const ipv6Recverr = 25;
const siocgstampns = 0x8907;
const clockRealtime = 0;
const msgNosignal = 0x4000;
const nanosecondsPerSecond = 1_000_000_000n;

class LinuxKernel implements Kernel {
  readonly #libc: Libc;
  // Allocated once: calls are synchronous, and nothing may be allocated while a time is measured.
  readonly #info = new Uint8Array(tcpInfoBytes);
  readonly #length = new Uint32Array(1);
  readonly #timespec = new BigInt64Array(2);
  readonly #one = Int32Array.of(1);
  /**
   * The kernel timestamps packets only while some socket wants it, and enabling it takes effect late, so one socket
   * stays open.
   */
  #keeper: number | undefined;
  #refusals = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#keeper = this.openUdpSocket(4);
  }

  get refusals(): number {
    return this.#refusals;
  }

  /** @throws KernelCallError if a call that the probes need does not work */
  selfTest(): void {
    const fd = this.#socket(afInet, sockStream);
    try {
      if (!this.tcpInfo(fd)) throw new KernelCallError('getsockopt', this.#libc.errorName());
    } finally {
      this.closeSocket(fd);
    }
    // The socket is not connected, so EDESTADDRREQ is expected. A seccomp profile causes another error.
    if (this.#libc.send(this.#keeper!, this.#info, 0, msgNosignal) >= 0 || this.#libc.errorName() !== 'EDESTADDRREQ')
      throw new KernelCallError('send', this.#libc.errorName());
    this.now();
  }

  tcpInfo(fd: number): TcpInfo | undefined {
    this.#length[0] = this.#info.byteLength;
    if (this.#libc.getsockopt(fd, ipprotoTcp, tcpInfoOption, this.#info, this.#length) !== 0) return undefined;
    return parseTcpInfo(this.#info, this.#length[0]!);
  }

  openUdpSocket(family: 4 | 6): number {
    const fd = this.#socket(family === 6 ? afInet6 : afInet, sockDgram);
    const [level, option] = family === 6 ? [ipprotoIpv6, ipv6Recverr] : [ipprotoIp, ipRecverr];
    if (this.#libc.setsockopt(fd, level, option, this.#one, 4) !== 0) this.#fail('setsockopt', fd);
    // The first call finds no timestamp and enables timestamping.
    if (this.#libc.ioctl(fd, siocgstampns, this.#timespec) !== 0 && this.#libc.errorName() !== 'ENOENT')
      this.#fail('ioctl', fd);
    return fd;
  }

  closeSocket(fd: number): void {
    this.#libc.close(fd);
  }

  send(fd: number, datagram: Uint8Array): bigint {
    const sentAt = this.now();
    if (this.#libc.send(fd, datagram, datagram.byteLength, msgNosignal) < 0) this.#fail('send');
    return sentAt;
  }

  now(): bigint {
    if (this.#libc.clock_gettime(clockRealtime, this.#timespec) !== 0) this.#fail('clock_gettime');
    return this.#nanoseconds();
  }

  receivedAt(fd: number): bigint | undefined {
    return this.#libc.ioctl(fd, siocgstampns, this.#timespec) === 0 ? this.#nanoseconds() : undefined;
  }

  believe(seconds: number | undefined, elapsedSeconds: number): number | undefined {
    if (seconds === undefined) return undefined;
    if (seconds > 0 && seconds <= elapsedSeconds) return seconds;
    this.#refusals++;
    return undefined;
  }

  close(): void {
    if (this.#keeper !== undefined) this.closeSocket(this.#keeper);
    this.#keeper = undefined;
  }

  #socket(family: number, type: number): number {
    const fd = this.#libc.socket(family, type | sockNonblockCloexec, 0);
    if (fd < 0) this.#fail('socket');
    return fd;
  }

  #nanoseconds(): bigint {
    return this.#timespec[0]! * nanosecondsPerSecond + this.#timespec[1]!;
  }

  #fail(syscall: string, fd?: number): never {
    const code = this.#libc.errorName();
    if (fd !== undefined) this.closeSocket(fd);
    throw new KernelCallError(syscall, code);
  }
}
