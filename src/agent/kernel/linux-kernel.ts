import { isIPv6 } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { type AgeField, type Kernel, KernelCallError, type ReceivedDatagram, type TcpInfo } from './kernel.ts';
import { type Libc, loadLibc } from './kernel-libc.ts';
import { MessageReader } from './kernel-messages.ts';
import { parseTcpInfo, tcpInfoBytes } from './kernel-tcp-info.ts';

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
const solSocket = 1;
const soError = 4;
const soSndbuf = 7;
const soLinger = 13;
const soTimestamping = 37;
/**
 * Stamp by software what enters the packet scheduler (TX_SCHED) and what is received. Return the former with a number
 * (OPT_ID) and without the data (include/uapi/linux/net_tstamp.h). TX_SOFTWARE would leave out the time in the
 * interface's queue: it is taken behind that, and by drivers that support it only.
 */
const timestamping = (1 << 8) | (1 << 3) | (1 << 4) | (1 << 7) | (1 << 11);
/** Stamp by software what is received. */
const receiveTimestamping = (1 << 3) | (1 << 4);
const ipprotoIp = 0;
const ipRecverr = 11;
const ipprotoTcp = 6;
const tcpDeferAccept = 9;
const tcpInfoOption = 11;
const ipprotoIpv6 = 41;
const ipv6Recverr = 25;
const siocgstampns = 0x8907;
const clockRealtime = 0;
const msgPeek = 0x2;
/**
 * With `msgConfirm` and no data, a call sends nothing; without that, it sends an empty datagram. It also confirms that
 * the next hop is reachable, which suppresses ARP and NDP (udp_sendmsg in net/ipv4/udp.c), except on loopback.
 */
const msgProbe = 0x10;
const msgConfirm = 0x800;
const msgErrqueue = 0x2000;
const msgNosignal = 0x4000;
/** `struct linger` for a reset: on, zero seconds (socket(7)). */
const noLinger = Int32Array.of(1, 0);
/** AF_UNSPEC, which ends a connection (connect(2)). */
const noAddress = new Uint8Array(16);
/** Port of the discard protocol (RFC 863), where one has to be given. */
const discardPort = 9;
/** How often and at which intervals the self-test waits for time stamps: for half a second. */
const maxStampAttempts = 50;
const stampAttemptMs = 10;
/** The most addresses that are kept encoded. */
const maxAddresses = 256;
/** The most messages that are dropped one by one: closing a socket drops any number. */
const maxDropped = 16;
const nanosecondsPerSecond = 1_000_000_000n;
/**
 * The most that an age may have grown since its field was written, in nanoseconds: more shows that a clock was set.
 * Less happens on a busy machine, when the process has to wait in between.
 */
const maxGrowthNs = 100_000_000;
/** The highest value of an age field but one, which may have a meaning of its own. */
const maxAgeNs = 2 ** 32 - 2;

class LinuxKernel implements Kernel {
  readonly #libc: Libc;
  // Allocated once: calls are synchronous, and nothing may be allocated while a time is measured.
  readonly #info = new Uint8Array(tcpInfoBytes);
  readonly #length = new Uint32Array(1);
  readonly #timespec = new BigInt64Array(2);
  /** The time right before a send, and the same as words: the low half of the seconds, and the nanoseconds. */
  readonly #sentAt = new BigInt64Array(2);
  readonly #sentAtWords = new Uint32Array(this.#sentAt.buffer);
  readonly #one = Int32Array.of(1);
  readonly #loopback4: Uint8Array;
  readonly #loopback6: Uint8Array;
  /** IPv4's, on a socket of IPv6. */
  readonly #loopbackMapped: Uint8Array;
  readonly #errno = new Int32Array(1);
  readonly #errnoBytes = new Uint8Array(this.#errno.buffer);
  readonly #messages: MessageReader;
  /** Encoded addresses, without a port: parsing one costs more than sending to it. */
  readonly #addresses = new Map<string, Uint8Array>();
  /**
   * The kernel timestamps packets only while some socket wants it, and enabling it takes effect late, so one socket
   * stays open.
   */
  #keeper: number | undefined;
  /**
   * The key of the last datagram by stamped socket, −1 before the first. NaN if one could not be sent: whether the
   * kernel counted it depends on the error and on the kernel.
   */
  readonly #lastKeys = new Map<number, number>();
  #refusals = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#messages = new MessageReader(libc);
    this.#loopback4 = this.socketAddress('127.0.0.1', discardPort);
    this.#loopback6 = this.socketAddress('::1', discardPort);
    this.#loopbackMapped = this.socketAddress('::ffff:127.0.0.1', discardPort);
    this.#keeper = this.openUdpSocket(4);
  }

  get refusals(): number {
    return this.#refusals;
  }

  /** @throws KernelCallError if a call that the probes need does not work */
  selfTest(): void {
    const fd = this.openStampedTcpSocket(4);
    try {
      if (!this.tcpInfo(fd)) throw new KernelCallError('getsockopt', this.#libc.errorName());
    } finally {
      this.closeSocket(fd);
    }
    this.#testStamps();
    // The socket is not connected, so EDESTADDRREQ is expected. A seccomp profile causes another error.
    if (this.#libc.send(this.#keeper!, this.#info, 0, msgNosignal) >= 0 || this.#libc.errorName() !== 'EDESTADDRREQ')
      throw new KernelCallError('send', this.#libc.errorName());
    this.now();
  }

  /** @throws KernelCallError if a datagram to itself gets no time of sending or of receiving */
  #testStamps(): void {
    const fd = this.openStampedUdpSocket(4);
    try {
      const own = this.socketAddress('127.0.0.1', 0);
      if (this.#libc.bind(fd, own, own.byteLength) !== 0) this.#fail('bind');
      this.#length[0] = own.byteLength;
      if (this.#libc.getsockname(fd, own, this.#length) !== 0) this.#fail('getsockname');
      this.connect(fd, own);
      const wait = new Int32Array(new SharedArrayBuffer(4));
      // The kernel may need a moment to begin to stamp what it receives.
      for (let attempt = 0; attempt < maxStampAttempts; attempt++) {
        this.send(fd, own);
        const received = this.receive(fd);
        const transmittedAt = this.transmittedAt(fd);
        if (received?.receivedAt !== undefined && transmittedAt !== undefined) return;
        Atomics.wait(wait, 0, 0, stampAttemptMs);
      }
    } finally {
      this.closeSocket(fd);
    }
    throw new KernelCallError('recvmsg', 'ENODATA');
  }

  tcpInfo(fd: number): TcpInfo | undefined {
    this.#length[0] = this.#info.byteLength;
    if (this.#libc.getsockopt(fd, ipprotoTcp, tcpInfoOption, this.#info, this.#length) !== 0) return undefined;
    return parseTcpInfo(this.#info, this.#length[0]!);
  }

  openUdpSocket(family: 4 | 6): number {
    const fd = this.#probingSocket(family);
    this.#enableTimestamps(fd);
    return fd;
  }

  openStampedUdpSocket(family: 4 | 6): number {
    const fd = this.#probingSocket(family);
    this.#stamp(fd, timestamping);
    this.#lastKeys.set(fd, -1);
    return fd;
  }

  receive(fd: number): ReceivedDatagram | undefined {
    const datagram = this.#messages.read(fd, 0);
    if (!datagram && this.#libc.errorName() !== 'EAGAIN') this.#fail('recvmsg');
    return datagram;
  }

  peek(fd: number): Buffer | undefined {
    return this.#messages.read(fd, msgPeek)?.message;
  }

  transmittedAt(fd: number): bigint | undefined {
    const lastKey = this.#lastKeys.get(fd);
    for (let read = 0; read < maxDropped; read++) {
      const message = this.#messages.readError(fd, msgErrqueue);
      if (!message) return undefined;
      if (message !== 'other' && message.key === lastKey) return message.at;
    }
    return undefined;
  }

  openTcpSocket(family: 4 | 6): number {
    return this.#socket(family === 6 ? afInet6 : afInet, sockStream);
  }

  openStampedTcpSocket(family: 4 | 6): number {
    const fd = this.openTcpSocket(family);
    this.#stamp(fd, receiveTimestamping);
    return fd;
  }

  connectTcp(fd: number, to: Uint8Array): boolean {
    if (this.#libc.connect(fd, to, to.byteLength) === 0) return true;
    const code = this.#libc.errorName();
    if (code === 'EISCONN') return true;
    if (code === 'EINPROGRESS' || code === 'EALREADY') return false;
    throw new KernelCallError('connect', code);
  }

  pendingError(fd: number): string | undefined {
    this.#length[0] = this.#errno.byteLength;
    if (this.#libc.getsockopt(fd, solSocket, soError, this.#errnoBytes, this.#length) !== 0)
      return this.#libc.errorName();
    const code = this.#errno[0]!;
    return code === 0 ? undefined : getSystemErrorName(-code);
  }

  resetConnection(fd: number): void {
    this.#libc.setsockopt(fd, solSocket, soLinger, noLinger, 8);
    this.closeSocket(fd);
  }

  deferAccept(fd: number, seconds: number): void {
    this.#libc.setsockopt(fd, ipprotoTcp, tcpDeferAccept, Int32Array.of(seconds), 4);
  }

  openBoundUdpSocket(address: string, port: number): number {
    const encoded = this.socketAddress(address, port);
    const fd = this.#socket(isIPv6(address) ? afInet6 : afInet, sockDgram);
    this.#enableTimestamps(fd);
    if (this.#libc.bind(fd, encoded, encoded.byteLength) !== 0) this.#fail('bind', fd);
    return fd;
  }

  closeSocket(fd: number): void {
    this.#lastKeys.delete(fd);
    this.#libc.close(fd);
  }

  send(fd: number, datagram: Uint8Array): bigint {
    // Nothing else in between: after a pause, each further call costs microseconds.
    const { send } = this.#libc;
    const status = this.#libc.clock_gettime(clockRealtime, this.#sentAt);
    const sent = send(fd, datagram, datagram.byteLength, msgNosignal);
    if (sent < 0) this.#unsent(fd);
    const lastKey = this.#lastKeys.get(fd);
    if (lastKey !== undefined) this.#lastKeys.set(fd, (lastKey + 1) % 2 ** 32);
    if (status !== 0) this.#fail('clock_gettime');
    return nanoseconds(this.#sentAt);
  }

  socketAddress(address: string, port: number): Uint8Array {
    const encoded = this.#addresses.get(address)?.slice() ?? this.#encode(address);
    encoded[2] = port >> 8;
    encoded[3] = port & 255;
    return encoded;
  }

  #encode(address: string): Uint8Array {
    const family = isIPv6(address) ? afInet6 : afInet;
    const [host = '', zone] = address.split('%');
    // sockaddr_in and sockaddr_in6 of ip(7) and ipv6(7): the family in the machine's byte order, the port in network's.
    const encoded = new Uint8Array(family === afInet6 ? 28 : 16);
    const words = new Uint16Array(encoded.buffer);
    words[0] = family;
    if (this.#libc.inet_pton(family, host, encoded.subarray(family === afInet6 ? 8 : 4)) !== 1)
      throw new KernelCallError('inet_pton', 'EINVAL');
    if (zone !== undefined) {
      const index = this.#libc.if_nametoindex(zone) || Number(zone);
      words[12] = index;
      words[13] = index >>> 16;
      // Another interface may get the name.
      return encoded;
    }
    if (this.#addresses.size === maxAddresses) this.#addresses.clear();
    this.#addresses.set(address, encoded.slice());
    return encoded;
  }

  connect(fd: number, to: Uint8Array): void {
    if (this.#libc.connect(fd, to, to.byteLength) !== 0) this.#fail('connect');
  }

  disconnect(fd: number, isStampRead = false): boolean {
    if (Number.isNaN(this.#lastKeys.get(fd))) return false;
    if (this.#libc.connect(fd, noAddress, noAddress.byteLength) !== 0) return false;
    // In this order: reading the error queue clears a pending error.
    return this.#drop(fd, 0) && (isStampRead || this.#drop(fd, msgErrqueue));
  }

  sendTo(fd: number, datagram: Uint8Array, to: Uint8Array, age?: AgeField): boolean {
    const { sendto, clock_gettime } = this.#libc;
    if (!age) return sendto(fd, datagram, datagram.byteLength, msgNosignal, to, to.byteLength) >= 0;
    const { offset, since } = age;
    const seconds = Number(BigInt.asUintN(32, since / nanosecondsPerSecond));
    const remainder = Number(since % nanosecondsPerSecond);
    const known =
      datagram[offset]! * 2 ** 24 +
      datagram[offset + 1]! * 2 ** 16 +
      datagram[offset + 2]! * 2 ** 8 +
      datagram[offset + 3]!;
    const words = this.#sentAtWords;
    // Sends nothing, but takes much of the same path through the kernel, which is several times slower after a pause.
    // Not to the client: that would confirm its MAC address, or the gateway's, without proof.
    const loopback = this.#loopbackLike(to);
    sendto(fd, datagram, 0, msgConfirm | msgProbe, loopback, loopback.byteLength);
    // Nothing but arithmetic in between: after a pause, each further call costs microseconds.
    const status = clock_gettime(clockRealtime, this.#sentAt);
    const now = (words[0]! - seconds) * 1e9 + words[2]! - remainder;
    if (status === 0 && now >= known && now <= Math.min(known + maxGrowthNs, maxAgeNs)) {
      datagram[offset] = now / 2 ** 24;
      datagram[offset + 1] = now >>> 16;
      datagram[offset + 2] = now >>> 8;
      datagram[offset + 3] = now;
    }
    return sendto(fd, datagram, datagram.byteLength, msgNosignal, to, to.byteLength) >= 0;
  }

  now(): bigint {
    if (this.#libc.clock_gettime(clockRealtime, this.#timespec) !== 0) this.#fail('clock_gettime');
    return nanoseconds(this.#timespec);
  }

  receivedAt(fd: number): bigint | undefined {
    return this.#libc.ioctl(fd, siocgstampns, this.#timespec) === 0 ? nanoseconds(this.#timespec) : undefined;
  }

  believe(seconds: number | undefined, elapsedSeconds: number): number | undefined {
    if (seconds === undefined) return undefined;
    if (seconds > 0 && seconds <= elapsedSeconds) return seconds;
    this.#refusals++;
    return undefined;
  }

  limitSendBuffer(fd: number, bytes: number): void {
    this.#libc.setsockopt(fd, solSocket, soSndbuf, Int32Array.of(bytes), 4);
  }

  close(): void {
    if (this.#keeper !== undefined) this.closeSocket(this.#keeper);
    this.#keeper = undefined;
  }

  /** The first call finds no timestamp and enables timestamping. */
  #enableTimestamps(fd: number): void {
    if (this.#libc.ioctl(fd, siocgstampns, this.#timespec) !== 0 && this.#libc.errorName() !== 'ENOENT')
      this.#fail('ioctl', fd);
  }

  #stamp(fd: number, flags: number): void {
    if (this.#libc.setsockopt(fd, solSocket, soTimestamping, Int32Array.of(flags), 4) !== 0)
      this.#fail('setsockopt', fd);
  }

  /** An address of loopback that a socket can send to which can send to this one. */
  #loopbackLike(to: Uint8Array): Uint8Array {
    if (to.byteLength === this.#loopback4.byteLength) return this.#loopback4;
    return to[18] === 0xff && to[19] === 0xff && to[8] === 0 ? this.#loopbackMapped : this.#loopback6;
  }

  /** Drops what waits to be read. @returns false if there is too much, or an error is pending */
  #drop(fd: number, flags: number): boolean {
    for (let dropped = 0; dropped < maxDropped; dropped++)
      if (this.#libc.recv(fd, this.#info, 0, flags) < 0) return this.#libc.errorName() === 'EAGAIN';
    return false;
  }

  #probingSocket(family: 4 | 6): number {
    const fd = this.#socket(family === 6 ? afInet6 : afInet, sockDgram);
    const [level, option] = family === 6 ? [ipprotoIpv6, ipv6Recverr] : [ipprotoIp, ipRecverr];
    if (this.#libc.setsockopt(fd, level, option, this.#one, 4) !== 0) this.#fail('setsockopt', fd);
    return fd;
  }

  #unsent(fd: number): never {
    const code = this.#libc.errorName();
    if (this.#lastKeys.has(fd)) this.#lastKeys.set(fd, Number.NaN);
    throw new KernelCallError('send', code);
  }

  #socket(family: number, type: number): number {
    const fd = this.#libc.socket(family, type | sockNonblockCloexec, 0);
    if (fd < 0) this.#fail('socket');
    return fd;
  }

  #fail(syscall: string, fd?: number): never {
    const code = this.#libc.errorName();
    if (fd !== undefined) this.closeSocket(fd);
    throw new KernelCallError(syscall, code);
  }
}

/** A struct timespec as one number. */
function nanoseconds(timespec: BigInt64Array): bigint {
  return timespec[0]! * nanosecondsPerSecond + timespec[1]!;
}
