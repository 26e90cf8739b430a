import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Flood, FloodCounts } from '../../../bench/flood-process.ts';
import { waitFor } from '../../cluster/wait.ts';

const program = join(import.meta.dirname, '../../../bench/flood-process-program.ts');
const host = '127.0.0.1';

test('floods count their connections by name and keep about the requested rate', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, host);
  const echo = createSocket('udp4').bind(0, host);
  await Promise.all([once(server, 'listening'), once(echo, 'listening')]);
  let began: number | undefined;
  echo.on('message', () => (began ??= performance.now()));
  const { port } = server.address() as AddressInfo;
  const perSecond = 2000;
  const child = fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  try {
    const connections = { host, port, connections: 3, againMs: 60_000, text: '' };
    const floods: Flood[] = [
      { kind: 'connections', name: 'agents, silent', ...connections, againMs: 100 },
      { kind: 'connections', name: 'refused', ...connections, port: 1 },
      { kind: 'echo', host, port: echo.address().port, perSecond },
    ];
    child.send(floods);
    await waitFor('packets', () => began !== undefined, { timeout: 30_000 });
    await waitFor('connections', () => sockets.size >= 3, { timeout: 30_000 });
    const isLater = () => performance.now() - began! > 1000;
    await waitFor('some time', isLater, { timeout: 30_000 });
    const counted = once(child, 'message') as Promise<[FloodCounts]>;
    child.send('stop');
    const [counts] = await counted;
    const seconds = (performance.now() - began!) / 1000;
    assert.deepEqual(counts.connections, { 'agents, silent': sockets.size, refused: 0 });
    // It had been told to stop a little earlier, and the machine may be busy.
    assert.ok(counts.packets > 0.5 * perSecond * seconds, `${counts.packets} packets in ${seconds} s`);
  } finally {
    child.kill('SIGKILL');
    for (const socket of sockets) socket.destroy();
    server.close();
    echo.close();
  }
});
