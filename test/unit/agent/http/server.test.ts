import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { AgentServer, type EarlyConnections, type ServerContent } from '../../../../src/agent/http/server.ts';
import { KernelCallError } from '../../../../src/agent/kernel/kernel.ts';
import { type Clock, systemClock } from '../../../../src/base/clock.ts';
import { agentHttpLimits, type HttpLimits } from '../../../../src/listeners/listener-limits.ts';
import { FakeClock } from '../../fake-clock.ts';
import { eventually } from '../eventually.ts';
import { kernel, openDescriptors } from '../servers/probe-context.ts';

const exposition = '# HELP a_total a\n# TYPE a_total counter\na_total 1\n'.repeat(200);

async function setUp({
  limits = {},
  content = {},
  clock = systemClock,
  early,
}: {
  limits?: Partial<HttpLimits>;
  content?: Partial<ServerContent>;
  clock?: Clock;
  early?: EarlyConnections;
} = {}) {
  const failures: string[] = [];
  const refused: string[] = [];
  const server = new AgentServer(
    {
      version: '1.2.3',
      metrics: async () => ({ text: exposition, contentType: 'text/plain; version=0.0.4; charset=utf-8' }),
      ready: () => true,
      failed: (error) => failures.push(error.message),
      refused: (reason) => refused.push(reason),
      dialled: () => {},
      ...content,
    },
    clock,
    { ...agentHttpLimits, ...limits },
    // So that the request is there when the connection is accepted.
    early && ((fd) => kernel!.deferAccept(fd, 1)),
    early,
  );
  const port = await server.listen(0);
  return {
    port,
    failures,
    refused,
    async get(path: string, { method = 'GET', headers = {}, host = '127.0.0.1' } = {}) {
      const request = httpRequest({ host, port, path, method, headers, agent: false }).end();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
    },
    [Symbol.dispose]: () => server.close(),
  };
}

function newServer(): AgentServer {
  const metrics = async () => ({ text: '', contentType: '' });
  return new AgentServer(
    { version: '', metrics, ready: () => true, failed() {}, refused() {}, dialled() {} },
    systemClock,
  );
}

test('only connections on which nothing is sent are dials', async () => {
  let dials = 0;
  using server = await setUp({ content: { dialled: () => dials++ } });
  await server.get('/metrics');
  for (const end of ['destroy', 'resetAndDestroy', 'end'] as const) {
    const before = dials;
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket[end]();
    await eventually(
      () => dials === before + 1,
      () => `${dials} dials after ${end}`,
    );
  }
  await server.get('/metrics');
  assert.equal(dials, 3);
});

test('each path answers', async () => {
  using server = await setUp();
  for (const [path, body] of [
    ['/healthz', 'ok\n'],
    ['/-/healthy', 'ok\n'],
    ['/-/ready', 'ready\n'],
    ['/blackbox', 'ok\n'],
    ['/metrics', exposition],
    ['/metrics?name=x', exposition],
  ] as const) {
    const answer = await server.get(path);
    assert.equal(answer.status, 200, path);
    assert.equal(answer.body.toString(), body, path);
  }
  const page = await server.get('/');
  assert.match(String(page.headers['content-type']), /^text\/html/);
  for (const link of page.body.toString().matchAll(/href="([^"]+)"/g))
    assert.equal((await server.get(link[1]!)).status, 200);
  assert.match(page.body.toString(), /href="\/metrics"[\s\S]*href="\/-\/ready"/);
});

test('IPv4 and IPv6 are both served', async () => {
  using server = await setUp();
  for (const host of ['127.0.0.1', '::1']) assert.equal((await server.get('/healthz', { host })).status, 200, host);
});

test('metrics are text, and compressed for who takes it', async () => {
  using server = await setUp();
  const plain = await server.get('/metrics');
  assert.equal(plain.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(plain.headers['content-encoding'], undefined);
  assert.equal(plain.headers.vary, 'Accept-Encoding');
  const packed = await server.get('/metrics', { headers: { 'Accept-Encoding': 'gzip' } });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.ok(packed.body.length < plain.body.length / 5);
  assert.equal(gunzipSync(packed.body).toString(), exposition);
});

test('HEAD has the headers of GET and no body', async () => {
  using server = await setUp();
  const answer = await server.get('/metrics', { method: 'HEAD' });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-length'], String(exposition.length));
  assert.equal(answer.body.length, 0);
});

test('other paths and other methods are refused', async () => {
  using server = await setUp();
  for (const path of ['/nowhere', '/metrics/', '/../etc/passwd', '//'])
    assert.equal((await server.get(path)).status, 404, path);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const answer = await server.get('/metrics', { method });
    assert.equal(answer.status, 405, method);
    assert.equal(answer.headers.allow, 'GET, HEAD');
  }
});

test('an agent that is not ready says so and is healthy all the same', async () => {
  using server = await setUp({ content: { ready: () => false } });
  assert.equal((await server.get('/-/ready')).status, 503);
  assert.equal((await server.get('/healthz')).status, 200);
});

test('metrics that cannot be made are an error of that second alone, and said once', async () => {
  const clock = new FakeClock();
  let broken = true;
  using server = await setUp({
    clock,
    content: {
      metrics: async () => {
        if (broken) throw new Error('no metrics');
        return { text: '', contentType: 'text/plain' };
      },
    },
  });
  for (let scrape = 0; scrape < 3; scrape++) assert.equal((await server.get('/metrics')).status, 500);
  assert.equal((await server.get('/healthz')).status, 200);
  assert.deepEqual(server.failures, ['no metrics']);
  broken = false;
  clock.advance(1000);
  assert.equal((await server.get('/metrics')).status, 200);
});

/** Opens a connection, sends something, and resolves with all that came back until it ended. */
async function converse(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk;
  });
  socket.on('error', () => {});
  socket.write(text);
  await once(socket, 'close');
  return received;
}

test('what is no HTTP, and headers that are too large, are refused', async () => {
  using server = await setUp();
  assert.match(await converse(server.port, 'hello\r\n\r\n'), /^HTTP\/1\.1 400 /);
  assert.match(
    await converse(server.port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(10_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 /,
  );
  assert.equal((await server.get('/healthz')).status, 200);
  assert.deepEqual(server.refused, ['malformed', 'malformed']);
});

test('a connection that sends nothing, or never ends its request, is ended', async () => {
  using server = await setUp({ limits: { headersTimeoutMs: 100, requestTimeoutMs: 200, checkEveryMs: 50 } });
  assert.match(await converse(server.port, ''), /^HTTP\/1\.1 408 /);
  assert.match(await converse(server.port, 'GET / HTTP/1.1\r\nHost: '), /^HTTP\/1\.1 408 /);
  assert.deepEqual(server.refused, ['timeout', 'timeout']);
});

test('questions after health are answered without a socket of Node, as all others are', async () => {
  let isReady = true;
  let early = 0;
  const content = { ready: () => isReady };
  using plain = await setUp({ content });
  using server = await setUp({
    content,
    early: {
      peek: (fd) => kernel!.peek(fd),
      receive: (fd) => kernel!.receive(fd),
      send(fd, data) {
        early++;
        return kernel!.send(fd, data);
      },
    },
  });
  const ask = (path: string, headers = 'Connection: close\r\n') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
  const partsOf = (response: string) => {
    const [head, body] = response.split('\r\n\r\n') as [string, string];
    const [status, ...headers] = head.split('\r\n');
    assert.match(
      headers.find((header) => header.startsWith('Date: '))!,
      /^Date: \w{3}, \d{2} \w{3} \d{4} [\d:]{8} GMT$/,
    );
    return { status, headers: headers.filter((header) => !header.startsWith('Date: ')).sort(), body };
  };
  for (const ready of [true, false]) {
    isReady = ready;
    for (const path of ['/-/ready', '/healthz', '/-/healthy', '/blackbox']) {
      const before = early;
      const answer = partsOf(await converse(server.port, ask(path)));
      assert.equal(early, before + 1, path);
      assert.deepEqual(answer, partsOf(await converse(plain.port, ask(path))));
      assert.equal(
        answer.status,
        path === '/-/ready' && !ready ? 'HTTP/1.1 503 Service Unavailable' : 'HTTP/1.1 200 OK',
      );
    }
  }
  const before = early;
  assert.match(await converse(server.port, ask('/metrics')), /^HTTP\/1\.1 200 OK[\s\S]*a_total 1/);
  assert.match(await converse(server.port, ask('/nowhere')), /^HTTP\/1\.1 404 /);
  assert.match(
    await converse(server.port, ask('/healthz', 'Connection: close\r\nContent-Length: 1\r\n')),
    /^HTTP\/1\.1 200 /,
  );
  assert.equal((await server.get('/healthz', { headers: { Connection: 'keep-alive' } })).status, 200);
  assert.equal(early, before);
  assert.deepEqual([server.failures, server.refused], [[], []]);
});

test('a client that leaves before its early answer does no harm', async () => {
  let receives = 0;
  using server = await setUp({
    early: {
      peek: (fd) => kernel!.peek(fd),
      receive(fd) {
        receives++;
        return kernel!.receive(fd);
      },
      send() {
        throw new KernelCallError('send', 'EPIPE');
      },
    },
  });
  assert.equal(await converse(server.port, 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), '');
  assert.equal(receives, 1);
  assert.equal((await server.get('/healthz', { headers: { Connection: 'keep-alive' } })).status, 200);
  assert.deepEqual([server.failures, server.refused], [[], []]);
});

test('dials that are closed or reset without a word leave nothing behind and are told to nobody', async () => {
  const told: unknown[] = [];
  const tell = (...args: unknown[]) => told.push(args);
  process.on('warning', tell);
  using server = await setUp();
  const before = openDescriptors();
  for (let n = 0; n < 300; n++) {
    const socket = connect(server.port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    if (n % 2 === 0) socket.resetAndDestroy();
    else socket.destroy();
  }
  await eventually(
    () => openDescriptors() <= before,
    () => `${openDescriptors()} descriptors, ${before} before`,
  );
  assert.equal((await server.get('/healthz')).status, 200);
  process.off('warning', tell);
  assert.deepEqual([told, server.failures, server.refused], [[], [], []]);
});

test('without IPv6 it listens on IPv4', async () => {
  // An address that this machine does not have stands in for the family that another has not (RFC 3849).
  const server = newServer();
  const port = await server.listen(0, ['2001:db8::1', '0.0.0.0']);
  assert.match(
    await converse(port, 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
    /^HTTP\/1\.1 200 /,
  );
  server.close();
});

test('a client that does not take what it asked for is let go', async () => {
  const asked = Promise.withResolvers<void>();
  using server = await setUp({
    limits: { idleMs: 100 },
    content: {
      metrics: async () => {
        asked.resolve();
        return { text: 'x'.repeat(50_000_000), contentType: 'text/plain' };
      },
    },
  });
  const before = openDescriptors();
  const socket = connect(server.port, '127.0.0.1').on('error', () => {});
  socket.pause();
  socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n');
  await asked.promise;
  assert.equal(openDescriptors(), before + 2, 'both ends');
  await eventually(
    () => openDescriptors() === before + 1,
    () => `${openDescriptors()} descriptors, ${before} before; the client has one`,
  );
  assert.deepEqual(server.refused, ['timeout']);
  socket.destroy();
});

test('a port in use is an error at once', async () => {
  using server = await setUp();
  const other = newServer();
  await assert.rejects(other.listen(server.port), { code: 'EADDRINUSE' });
});
