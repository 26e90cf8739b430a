import { readdirSync, readFileSync } from 'node:fs';
import type { Kernel } from '../../../../src/agent/kernel/kernel.ts';
import { openKernel } from '../../../../src/agent/kernel/linux-kernel.ts';
import type { ProbeContext } from '../../../../src/agent/probes/probe.ts';
import { UdpSockets } from '../../../../src/agent/probes/udp-sockets.ts';

/** The kernel's timing of this machine, one for the whole test file. */
export const kernel = openKernel();

/** A probe's context that is never aborted, has time enough and keeps no socket, unless told otherwise. */
export function contextWith(given: Partial<ProbeContext> = {}): ProbeContext {
  const context = { timeoutMs: 10_000, signal: new AbortController().signal, kernel, ...given };
  return { udpSockets: context.kernel && new UdpSockets(context.kernel, 0), ...context };
}

/** The kernel with some of its answers replaced. */
export function kernelWith(replaced: Partial<Kernel>): Kernel {
  return new Proxy(kernel!, {
    get(target, property) {
      const value = Reflect.get(replaced, property) ?? Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The kernel, and what it was asked to believe. */
export function recordingKernel() {
  const weighed: { seconds: number | undefined; elapsedSeconds: number }[] = [];
  const recording = kernelWith({
    believe(seconds, elapsedSeconds) {
      weighed.push({ seconds, elapsedSeconds });
      return kernel!.believe(seconds, elapsedSeconds);
    },
  });
  return { kernel: recording, weighed };
}

/** Both sources of time, for tests that must hold with either. */
export const timings = [
  { source: 'kernel', kernel },
  { source: 'clock', kernel: undefined },
] as const;

/** How many descriptors this process holds open. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/**
 * Loopback's addresses as proc(5) writes them, in the byte order of x86 and arm64; IPv4's also as a socket of both
 * families has it.
 */
const loopback = {
  '127.0.0.1': ['0100007F', '0000000000000000FFFF00000100007F'],
  '::1': ['00000000000000000000000001000000'],
};
const anyAddress = ['00000000', '00000000000000000000000000000000'];

/**
 * The states (proc(5), net/tcp) of all TCP sockets of this network namespace that have `port` of this address at either
 * end, as hexadecimal numbers. The same port of another address is other people's.
 */
export function tcpStates(port: number, host: keyof typeof loopback = '127.0.0.1'): string[] {
  const number = port.toString(16).toUpperCase().padStart(4, '0');
  const ends = [...loopback[host], ...anyAddress].map((address) => `${address}:${number}`);
  return ['/proc/self/net/tcp', '/proc/self/net/tcp6'].flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local = '', remote = '']) => ends.includes(local) || ends.includes(remote))
      .map((fields) => fields[3]!),
  );
}
