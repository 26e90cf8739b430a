import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

// A native addon: if there is no binary for this architecture, the import fails and the agent runs without it.
const koffi = await import('koffi').then(
  (module) => module.default,
  () => undefined,
);

/** Those of calls that would have to wait. Node takes long to find a name, and does not know EINPROGRESS. */
const frequentErrors: ReadonlyMap<number, string> = new Map([
  [constants.errno.EAGAIN, 'EAGAIN'],
  [constants.errno.EINPROGRESS, 'EINPROGRESS'],
]);

/** The libc calls for kernel timing, each as in section 2 of the manual. */
export interface Libc {
  socket(family: number, type: number, protocol: number): number;
  close(fd: number): number;
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint32Array): number;
  setsockopt(fd: number, level: number, option: number, value: Int32Array, length: number): number;
  ioctl(fd: number, request: number, argument: BigInt64Array): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint32Array): number;
  recv(fd: number, data: Uint8Array, length: number, flags: number): number;
  recvmsg(fd: number, message: BigUint64Array, flags: number): number;
  send(fd: number, data: Uint8Array, length: number, flags: number): number;
  sendto(fd: number, data: Uint8Array, length: number, flags: number, to: Uint8Array, toLength: number): number;
  inet_pton(family: number, text: string, address: Uint8Array): number;
  if_nametoindex(name: string): number;
  clock_gettime(clock: number, time: BigInt64Array): number;
  /** Where the memory of an array is. It stays there while the array exists if it was made from an `ArrayBuffer`. */
  addressOf(memory: Uint8Array | BigUint64Array): bigint;
  /** Name of the errno of the last failed call, such as `ENOENT`. */
  errorName(): string;
}

/**
 * Binds the GNU C library.
 * @returns undefined if the FFI has no binary, or the library or one of its functions is missing
 */
export function loadLibc(file = 'libc.so.6'): Libc | undefined {
  if (!koffi) return undefined;
  const ffi = koffi;
  try {
    const library = ffi.load(file);
    // Variadic in C; on every 64-bit Linux ABI, integers and pointers are passed the same way without that.
    return {
      socket: library.func('int socket(int, int, int)'),
      close: library.func('int close(int)'),
      getsockopt: library.func('int getsockopt(int, int, int, void *, void *)'),
      setsockopt: library.func('int setsockopt(int, int, int, const void *, uint32_t)'),
      ioctl: library.func('int ioctl(int, unsigned long, void *)'),
      bind: library.func('int bind(int, const void *, uint32_t)'),
      connect: library.func('int connect(int, const void *, uint32_t)'),
      getsockname: library.func('int getsockname(int, void *, void *)'),
      recv: library.func('long recv(int, void *, size_t, int)'),
      recvmsg: library.func('long recvmsg(int, void *, int)'),
      send: library.func('long send(int, const void *, size_t, int)'),
      sendto: library.func('long sendto(int, const void *, size_t, int, const void *, uint32_t)'),
      inet_pton: library.func('int inet_pton(int, const char *, void *)'),
      clock_gettime: library.func('int clock_gettime(int, void *)'),
      if_nametoindex: library.func('unsigned int if_nametoindex(const char *)'),
      addressOf: (memory) => ffi.address(memory),
      errorName: () => {
        const errno = ffi.errno();
        const known = frequentErrors.get(errno);
        if (known !== undefined) return known;
        return errno > 0 ? getSystemErrorName(-errno) : 'EUNKNOWN';
      },
    } as Libc;
  } catch {
    return undefined;
  }
}
