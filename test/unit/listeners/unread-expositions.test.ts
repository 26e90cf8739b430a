import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import { AgentServer } from '../../../src/agent/http/server.ts';
import { openKernel } from '../../../src/agent/kernel/linux-kernel.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { agentHttpLimits, sendBufferBytes } from '../../../src/listeners/listener-limits.ts';
import { eventually } from '../agent/eventually.ts';
import { FakeClock } from '../fake-clock.ts';
import { fetchFrom, loopback, openConnections } from './held-connections.ts';

const { plainBytes, gzipBytes } = agentHttpLimits.unread;
const expositionBytes = 3_000_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** An agent's server with 3 MB of metrics, which are other ones each second. */
async function setUp() {
  const clock = new FakeClock();
  const refused = new Map<string, number>();
  const failures: Error[] = [];
  let renders = 0;
  const kernel = openKernel();
  const server = new AgentServer(
    {
      version: '',
      metrics: async () => ({ text: `${++renders}\n`.padEnd(expositionBytes, 'a'), contentType: 'text/plain' }),
      ready: () => true,
      dialled() {},
      failed: (error) => failures.push(error),
      refused: (reason) => void refused.set(reason, (refused.get(reason) ?? 0) + 1),
    },
    { ...systemClock, after: (ms, run) => clock.after(ms, run) },
    agentHttpLimits,
    (fd) => kernel?.limitSendBuffer(fd, sendBufferBytes),
  );
  const port = await server.listen(0);
  const sockets: Socket[] = [];
  return {
    ...{ port, refused, failures, sockets },
    /** Requests the metrics of a new second, and reads nothing but the beginning. */
    async stall(from: string, encoding: 'identity' | 'gzip'): Promise<Socket> {
      clock.advance(1000);
      const text = `GET /metrics HTTP/1.1\r\nHost: a\r\nAccept-Encoding: ${encoding}\r\n\r\n`;
      const [socket] = await openConnections(port, from, 1, text);
      sockets.push(socket!.pause());
      await once(socket!, 'readable');
      return socket!;
    },
    nextSecond: () => clock.advance(1000),
    [Symbol.dispose]() {
      kernel?.close();
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function bufferedBytes(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

test('32 connections of four addresses that read no metrics keep two expositions in memory, and scrapes go on', async (t) => {
  using agent = await setUp();
  const before = bufferedBytes();
  // Beside those that are limited: the current one, and what the clients of this process have received but not read.
  const most = plainBytes + gzipBytes + expositionBytes + 32 * 2 * 65_536;
  let highest = 0;
  for (let n = 0; n < 32; n++) {
    await agent.stall(loopback(2 + (n % 4)), 'identity');
    if (n % 8 !== 7) continue;
    await eventually(
      () => bufferedBytes() - before < most,
      () => `${bufferedBytes() - before} bytes, at most ${most}`,
    );
    highest = Math.max(highest, bufferedBytes() - before);
    agent.nextSecond();
    for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
      const { status, body } = await fetchFrom(loopback(9), agent.port, '/metrics', headers);
      const text = 'accept-encoding' in headers ? gunzipSync(body) : body;
      assert.deepEqual([status, text.length], [200, expositionBytes]);
    }
  }
  t.diagnostic(`${(highest / 2 ** 20).toFixed(1)} MiB`);
  await eventually(
    () => agent.refused.get('unread')! >= 28,
    () => `${[...agent.refused]}`,
  );
  assert.deepEqual(agent.failures, []);
});

test('a scraper that reads slowly gets its response whole while others that take no gzip read nothing', async () => {
  using agent = await setUp();
  const scraper = await agent.stall(loopback(9), 'gzip');
  for (let n = 0; n < 12; n++) await agent.stall(loopback(2), 'identity');
  assert.ok(agent.refused.get('unread')! > 0);
  assert.equal(scraper.destroyed, false);
  let received = '';
  scraper.on('data', (piece) => {
    received += piece.toString('latin1');
  });
  const isWhole = () => {
    const [head = '', body = ''] = received.split('\r\n\r\n', 2);
    return body.length > 0 && body.length === Number(/content-length: (\d+)/i.exec(head)?.[1]);
  };
  await eventually(isWhole, () => `${received.length} bytes`);
});

test('one client that reads slowly, without others, gets all of it after whatever number of scrapes of another', async () => {
  using agent = await setUp();
  const slow = await agent.stall(loopback(9), 'identity');
  for (let n = 0; n < 10; n++) {
    agent.nextSecond();
    assert.equal((await fetchFrom(loopback(8), agent.port, '/metrics')).status, 200);
  }
  let bytes = 0;
  slow.on('data', (piece) => {
    bytes += piece.length;
  });
  await eventually(
    () => bytes > expositionBytes,
    () => `${bytes} bytes`,
  );
  assert.deepEqual([...agent.refused], []);
});
