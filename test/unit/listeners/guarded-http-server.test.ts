import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import { GuardedHttpServer } from '../../../src/listeners/guarded-http-server.ts';
import { agentHttpLimits, type HttpLimits, operatorHttpLimits } from '../../../src/listeners/listener-limits.ts';
import { SharedExposition } from '../../../src/listeners/shared-exposition.ts';
import { eventually } from '../agent/eventually.ts';
import { openDescriptors } from '../agent/servers/probe-context.ts';
import { fetchFrom, loopback, openConnections, RenewedConnections } from './held-connections.ts';

const getHealth = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';
const getMetrics = 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n';

/** A server whose metrics take as long to render as an agent's, and as many bytes. */
async function setUp(limits: HttpLimits = agentHttpLimits) {
  const seen = { renders: 0, refused: new Map<string, number>() };
  const exposition = new SharedExposition({
    render: async () => {
      seen.renders++;
      const end = performance.now() + 5;
      while (performance.now() < end);
      return { text: '# HELP a_total a\n'.repeat(6000), contentType: 'text/plain' };
    },
    failed: assert.ifError,
    unread: () => void seen.refused.set('unread', (seen.refused.get('unread') ?? 0) + 1),
    limits: limits.unread,
    clock: systemClock,
  });
  const server = new GuardedHttpServer({
    limits,
    clock: systemClock,
    async serve({ url }, response) {
      response.end(url === '/metrics' ? (await exposition.get())!.bytesFor(response, 'plain') : 'ok');
    },
    refused: (reason) => void seen.refused.set(reason, (seen.refused.get(reason) ?? 0) + 1),
  });
  const port = await server.listen(0);
  return { seen, server, port, [Symbol.dispose]: () => server.closeAll() };
}

for (const [name, limits] of [
  ['the agent', agentHttpLimits],
  ['the operator', operatorHttpLimits],
] as const) {
  test(`${name} answers /healthz while 256 idle connections of one address and 64 of each of four others are open`, async (t) => {
    using rig = await setUp(limits);
    const { port, server, seen } = rig;
    const alone = await fetchFrom(loopback(9), port, '/healthz');
    const idle = (
      await Promise.all(
        [256, 64, 64, 64, 64].map((count, index) =>
          openConnections(port, loopback(index + 2), count, index % 2 === 0 ? getHealth : ''),
        ),
      )
    ).flat();
    await eventually(
      () => seen.refused.get('idle') !== undefined && server.connections <= limits.connections.total,
      () => `${server.connections} connections`,
    );
    // A newcomer, and one more of the address that has most.
    for (const from of [loopback(9), loopback(2)]) {
      const { status, seconds } = await fetchFrom(from, port, '/healthz');
      assert.equal(status, 200);
      t.diagnostic(`${from}: ${(seconds / alone.seconds).toFixed(1)} times as long as without them`);
      assert.ok(seconds < 5, `${seconds} s`);
    }
    for (const socket of idle) socket.destroy();
    await eventually(
      () => server.connections === 0,
      () => `${server.connections} connections`,
    );
  });

  test(`${name} answers /healthz while 250 connections send 40 requests for metrics each and read nothing`, async (t) => {
    using rig = await setUp(limits);
    const { port, seen } = rig;
    const alone = await fetchFrom(loopback(9), port, '/healthz');
    const greedy = (
      await Promise.all(
        Array.from({ length: 10 }, (_, n) => openConnections(port, loopback(n + 2), 25, getMetrics.repeat(40))),
      )
    ).flat();
    for (const socket of greedy) socket.pause();
    const started = performance.now();
    const { status, seconds } = await fetchFrom(loopback(9), port, '/healthz');
    assert.equal(status, 200);
    t.diagnostic(`${(seconds / alone.seconds).toFixed(1)} times as long as without them`);
    assert.ok(seconds < 5, `${seconds} s`);
    await eventually(
      () => (seen.refused.get('pipelined') ?? 0) + (seen.refused.get('idle') ?? 0) >= 250,
      () => `${[...seen.refused]}`,
    );
    assert.ok(seen.refused.get('pipelined')! > 0);
    assert.ok(seen.renders <= 1 + (performance.now() - started) / 1000, `${seen.renders} renderings`);
    for (const socket of greedy) socket.destroy();
  });
}

for (const [what, request, status] of [
  ['an expectation that no server knows', 'GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n', 200],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
] as const)
  test(`requests with ${what}, which Node answers by itself, cannot be pipelined either`, async () => {
    using rig = await setUp();
    const { port, server, seen } = rig;
    const [one] = await openConnections(port, loopback(2), 1, request);
    const [answer] = await once(one!, 'data');
    assert.match(String(answer), new RegExp(`^HTTP/1\\.1 ${status} `));
    one!.destroy();
    const [many] = await openConnections(port, loopback(2), 1, request.repeat(40));
    many!.resume();
    await eventually(
      () => seen.refused.get('pipelined') === 1 && server.connections === 0,
      () => `${[...seen.refused]}, ${server.connections} connections`,
    );
  });

test('scrapes are answered while four addresses renew 100 connections each', async (t) => {
  using rig = await setUp();
  const { port, server, seen } = rig;
  const floods = [2, 3, 4, 5].map((host) => new RenewedConnections(port, loopback(host), 100, host < 4 ? '' : 'GET '));
  try {
    await eventually(
      () => (seen.refused.get('idle') ?? 0) > 1000,
      () => `${[...seen.refused]}`,
    );
    const before = floods.reduce((sum, { opened }) => sum + opened, 0);
    for (let scrape = 0; scrape < 5; scrape++) {
      const { status, body } = await fetchFrom(loopback(9), port, '/metrics');
      assert.deepEqual([status, body.length > 100_000], [200, true]);
      assert.ok(server.connections <= agentHttpLimits.connections.total);
    }
    const renewed = floods.reduce((sum, { opened }) => sum + opened, 0) - before;
    t.diagnostic(`${renewed} connections came during 5 scrapes`);
    assert.ok(renewed > 0);
  } finally {
    for (const flood of floods) flood[Symbol.dispose]();
  }
});

test('slow readers of large responses give way to a newcomer', async () => {
  const text = 'x'.repeat(20_000_000);
  const server = new GuardedHttpServer({
    limits: { ...agentHttpLimits, connections: { total: 4, perAddress: 2, reserve: 0, yieldMs: 0 } },
    clock: systemClock,
    serve: async ({ url }, response) => void response.end(url === '/healthz' ? 'ok' : text),
    refused() {},
  });
  const port = await server.listen(0);
  try {
    for (const host of [2, 3])
      for (const socket of await openConnections(port, loopback(host), 2, getMetrics)) {
        socket.pause();
        // The response has begun.
        await once(socket, 'readable');
      }
    assert.equal((await fetchFrom(loopback(9), port, '/healthz')).status, 200);
  } finally {
    server.closeAll();
  }
});

test('a request with a body ends its connection: the body is not waited for', async () => {
  using rig = await setUp();
  const [socket] = await openConnections(
    rig.port,
    loopback(2),
    1,
    'GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n',
  );
  let text = '';
  socket!.on('data', (piece) => {
    text += piece;
  });
  await once(socket!, 'close');
  assert.match(text, /^HTTP\/1\.1 200 [\s\S]*connection: close/i);
});

test('requests on one connection, one after another, are answered and nothing is refused', async () => {
  using rig = await setUp();
  const [socket] = await openConnections(rig.port, loopback(2), 1);
  for (let turn = 0; turn < 50; turn++) {
    socket!.write(turn % 2 === 0 ? getHealth : getMetrics);
    for (let received = ''; !/\r\n0\r\n\r\n$|ok$|a\n$/.test(received); )
      received += ((await once(socket!, 'data')) as [Buffer])[0].toString('latin1');
  }
  assert.deepEqual([...rig.seen.refused], []);
  assert.equal(rig.server.connections, 1);
  socket!.destroy();
});

test('closing ends every connection, also those that never sent anything', async () => {
  const before = openDescriptors();
  const { server, port } = await setUp();
  const silent = await openConnections(port, loopback(2), 5);
  const started = performance.now();
  await server.close(100);
  assert.ok(performance.now() - started < 10_000);
  for (const socket of silent) socket.resume();
  await eventually(
    () => openDescriptors() <= before,
    () => `${openDescriptors()} descriptors, ${before} before`,
  );
});
