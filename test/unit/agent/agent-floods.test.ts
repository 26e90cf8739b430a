import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { encodeEchoRequest } from '../../../src/agent/echo/echo-message.ts';
import { AgentServer } from '../../../src/agent/http/server.ts';
import type { ProbeResult } from '../../../src/agent/probes/probe.ts';
import { tcpProbe } from '../../../src/agent/probes/tcp/tcp-probe.ts';
import { udpProbe } from '../../../src/agent/probes/udp/udp-probe.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { fetchFrom, loopback, RenewedConnections } from '../listeners/held-connections.ts';
import { startEchoPeer } from './servers/echo-peer.ts';
import { contextWith } from './servers/probe-context.ts';

const prober = Buffer.from('flooder1');

/** Sends an agent 4,000 small echo requests a second from one address. */
async function floodEcho(port: number, from: string) {
  const socket = createSocket('udp4');
  socket.bind(0, from);
  await once(socket, 'listening');
  const flood = { sent: 0, answered: 0 };
  socket.on('message', () => flood.answered++);
  const timer = setInterval(() => {
    for (let n = 0; n < 20; n++)
      socket.send(encodeEchoRequest({ sequence: 0, turn: ++flood.sent, prober }, 32), port, '127.0.0.1');
  }, 5);
  return Object.assign(flood, {
    [Symbol.dispose]() {
      clearInterval(timer);
      socket.close();
    },
  });
}

test('echoes of peers are answered while one address sends 4,000 small packets a second', async (t) => {
  using peer = await startEchoPeer();
  using flood = await floodEcho(peer.port, loopback(2));
  const probe = udpProbe();
  const results: ProbeResult[] = [];
  for (let turn = 0; turn < 5 || flood.sent < 2000; turn++)
    results.push(await probe({ host: '127.0.0.1', port: peer.port, packets: 10, size: 64 }, contextWith()));
  assert.deepEqual(
    results.flatMap(({ failures }) => failures),
    [],
  );
  assert.deepEqual(new Set(peer.dropped), new Set(['address']));
  t.diagnostic(`${flood.answered} of ${flood.sent} packets of the flood were answered`);
  assert.ok(flood.answered < flood.sent / 2);
});

test('scrapes, health checks, dials and echoes are unharmed while all listeners of an agent are flooded', async (t) => {
  const text = '# HELP a_total a\n'.repeat(5000);
  const refused = new Map<string, number>();
  let renders = 0;
  const server = new AgentServer(
    {
      version: '',
      metrics: async () => {
        renders++;
        return { text, contentType: 'text/plain' };
      },
      ready: () => true,
      failed: assert.ifError,
      refused: (reason) => void refused.set(reason, (refused.get(reason) ?? 0) + 1),
      dialled: () => {},
    },
    systemClock,
  );
  const port = await server.listen(0);
  using peer = await startEchoPeer(['127.0.0.1'], { port });
  using silent = new RenewedConnections(port, loopback(2), 60);
  using slow = new RenewedConnections(port, loopback(3), 60, 'GET /metrics HTTP/1.1\r\nHost:');
  using pipelining = new RenewedConnections(
    port,
    loopback(4),
    20,
    'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(40),
  );
  using echoes = await floodEcho(port, loopback(5));
  const startedAt = performance.now();
  const udp = udpProbe();
  try {
    for (let turn = 0; turn < 5; turn++) {
      const results = await Promise.all([
        tcpProbe({ host: '127.0.0.1', port }, contextWith()),
        udp({ host: '127.0.0.1', port, packets: 5, size: 64 }, contextWith()),
      ]);
      assert.deepEqual(
        results.map(({ failures, latencies }) => [failures, latencies.length]),
        [
          [[], 1],
          [[], 5],
        ],
      );
      assert.equal((await fetchFrom(loopback(9), port, '/healthz')).status, 200);
      assert.equal((await fetchFrom(loopback(8), port, '/metrics')).body.length, text.length);
    }
    for (const reason of ['idle', 'pipelined']) assert.ok(refused.get(reason)! > 0, `${reason}: ${[...refused]}`);
    assert.ok(renders <= 1 + (performance.now() - startedAt) / 1000, `${renders} renderings`);
    assert.deepEqual(new Set(peer.dropped), new Set(['address']));
    const opened = [silent, slow, pipelining].map((flood) => flood.opened);
    t.diagnostic(`${opened} connections, ${echoes.sent} packets; refused: ${[...refused].join(' ')}`);
  } finally {
    server.close();
  }
});
