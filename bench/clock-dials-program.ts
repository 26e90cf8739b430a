import { dial, type TcpSubject } from '../src/agent/probes/tcp-dial.ts';
import { parseHostPort } from '../src/base/host-port.ts';
import type { ClockDial } from './clock-dials.ts';

/**
 * A program: dials each `ip:port` of its arguments once a second, as the agent does but without the kernel's help, and
 * prints every dial as a line of JSON. It runs until it is ended.
 */
const intervalMs = 1000;
/** As long as the agent keeps a connection, in milliseconds. */
const keepMs = 20;

const hosts = process.argv.slice(1);
hosts.forEach((host, index) => {
  const target = parseHostPort(host)!;
  setTimeout(() => setInterval(() => void turn(host, target), intervalMs), (index * intervalMs) / hosts.length);
});

async function turn(host: string, target: TcpSubject): Promise<void> {
  const startedAt = Date.now() / 1000;
  const context = {
    timeoutMs: intervalMs,
    signal: new AbortController().signal,
    kernel: undefined,
    udpSockets: undefined,
  };
  const dialled = await dial(target, context);
  if ('failure' in dialled) return;
  const { socket, seconds } = dialled;
  const made: ClockDial = { host, localPort: socket.localPort ?? 0, startedAt, seconds };
  process.stdout.write(`${JSON.stringify(made)}\n`);
  setTimeout(() => socket.on('error', () => {}).resetAndDestroy(), keepMs);
}
