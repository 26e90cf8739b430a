import type { Libc } from './kernel-libc.ts';

/** A datagram that was read, or a part of a stream. */
export interface ReceivedDatagram {
  /** Valid until the next one is read. Longer datagrams are cut off at 2 KiB. */
  message: Buffer;
  /** When the kernel received it, in nanoseconds of CLOCK_REALTIME; undefined if it does not say. */
  receivedAt: bigint | undefined;
}

const dataBytes = 2048;
const controlBytes = 256;
const solSocket = 1;
const scmTimestamping = 37;
const ipprotoIp = 0;
const ipRecverr = 11;
const ipprotoIpv6 = 41;
const ipv6Recverr = 25;
const originTimestamping = 4;
/** Of `struct cmsghdr`. */
const headerBytes = 16;
/** Of `ee_origin` and `ee_data` in `struct sock_extended_err` (ip(7)). */
const originOffset = 4;
const keyOffset = 12;
const nanosecondsPerSecond = 1_000_000_000n;

/** What a call of recvmsg(2) returned beside the data. */
interface ControlMessages {
  stamp: bigint | undefined;
  /** Who put the message on the error queue. */
  origin: number | undefined;
  /** Which datagram the stamp is of. */
  key: number;
}

/** When a datagram was sent. */
export interface SendStamp {
  /** In nanoseconds of CLOCK_REALTIME. */
  at: bigint;
  /** Number of datagrams that were sent before on the same socket, modulo 2³² (SOF_TIMESTAMPING_OPT_ID). */
  key: number;
}

/**
 * Reads datagrams and their time stamps by recvmsg(2), into memory that is allocated once: the layouts are those of
 * 64-bit Linux.
 */
export class MessageReader {
  readonly #libc: Libc;
  readonly #data = Buffer.from(new ArrayBuffer(dataBytes));
  readonly #control = new DataView(new ArrayBuffer(controlBytes));
  /** `struct iovec`. */
  readonly #vector = new BigUint64Array(new ArrayBuffer(16));
  /** `struct msghdr`: name, its length, vector, its length, control, its length, flags. */
  readonly #header = new BigUint64Array(new ArrayBuffer(56));

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#vector.set([libc.addressOf(this.#data), BigInt(dataBytes)]);
    const control = new Uint8Array(this.#control.buffer);
    this.#header.set([0n, 0n, libc.addressOf(this.#vector), 1n, libc.addressOf(control)]);
  }

  /** @returns undefined if the call fails */
  read(fd: number, flags: number): ReceivedDatagram | undefined {
    const length = this.#call(fd, flags);
    if (length < 0) return undefined;
    return { message: this.#data.subarray(0, length), receivedAt: this.#controlMessages().stamp };
  }

  /**
   * Reads one message of the error queue.
   * @returns undefined if there is none; 'other' if it does not say when a datagram was sent
   */
  readError(fd: number, flags: number): SendStamp | 'other' | undefined {
    if (this.#call(fd, flags) < 0) return undefined;
    const { stamp, origin, key } = this.#controlMessages();
    return stamp !== undefined && origin === originTimestamping ? { at: stamp, key } : 'other';
  }

  #call(fd: number, flags: number): number {
    // The kernel writes the length of what it returned.
    this.#header[5] = BigInt(controlBytes);
    return this.#libc.recvmsg(fd, this.#header, flags);
  }

  #controlMessages(): ControlMessages {
    const end = Number(this.#header[5]);
    const found: ControlMessages = { stamp: undefined, origin: undefined, key: 0 };
    for (let at = 0; at + headerBytes <= end; ) {
      const length = Number(this.#control.getBigUint64(at, true));
      if (length < headerBytes || at + length > end) break;
      const [level, type] = [this.#control.getInt32(at + 8, true), this.#control.getInt32(at + 12, true)];
      const data = at + headerBytes;
      // Of its three times, the first one is that of the kernel. Zero means none.
      if (level === solSocket && type === scmTimestamping) found.stamp = this.#time(data);
      else if ((level === ipprotoIp && type === ipRecverr) || (level === ipprotoIpv6 && type === ipv6Recverr)) {
        found.origin = this.#control.getUint8(data + originOffset);
        found.key = this.#control.getUint32(data + keyOffset, true);
      }
      at += Math.ceil(length / 8) * 8;
    }
    return found;
  }

  /** A `struct timespec`. */
  #time(at: number): bigint | undefined {
    const seconds = this.#control.getBigInt64(at, true);
    return seconds === 0n ? undefined : seconds * nanosecondsPerSecond + this.#control.getBigInt64(at + 8, true);
  }
}
