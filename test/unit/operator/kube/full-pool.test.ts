import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { systemClock } from '../../../../src/base/clock.ts';
import { ApiClient } from '../../../../src/operator/kube/api-client.ts';
import { ApiTransport } from '../../../../src/operator/kube/api-transport.ts';
import type { Credentials } from '../../../../src/operator/kube/cluster-access.ts';
import { Connection } from '../../../../src/operator/kube/connection.ts';
import { RequestHealth } from '../../../../src/operator/kube/request-health.ts';
import { FakeClock, until } from '../../fake-clock.ts';

const maps = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const place = { namespace: 'n', name: 'a' };

/** How many requests are sent at a time. */
const poolSize = 32;

const noCredentials: Credentials = { headers: {}, tls: {} };

/** A real server that leaves every request without an answer until the test answers it. */
async function setUp(clock = new FakeClock(), credentials = async () => noCredentials) {
  const open: { url: string; response: ServerResponse }[] = [];
  const server = createServer((request, response) => void open.push({ url: request.url!, response }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const connection = new Connection({ server: url, credentials }, clock);
  const observe = { answered() {}, retried() {}, limited() {} };
  const health = new RequestHealth(clock);
  const transport = new ApiTransport({ connection, clock, random: () => 0, userAgent: 'test', observe, health });
  const client = new ApiClient(transport, 'test');
  return {
    clock,
    client,
    health,
    open,
    async [Symbol.asyncDispose]() {
      await connection.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

test('however many watches are open, a request gets through', async () => {
  await using parts = await setUp(systemClock as FakeClock);
  const { client, open } = parts;
  const end = new AbortController();
  const watches = Array.from({ length: 2 * poolSize }, () =>
    client.watch(maps, { resourceVersion: '1', timeoutSeconds: 300 }, 60_000, end.signal),
  );
  await until(() => open.length === watches.length, 'every watch has a connection');
  for (const { response } of open) response.writeHead(200).write('\n');
  await Promise.all(watches);
  const request = client.get(maps, place);
  await until(() => open.length > watches.length, 'the request arrives at the server');
  open.at(-1)!.response.end('{"metadata":{"name":"a"}}');
  assert.equal((await request)?.metadata.name, 'a');
  end.abort();
});

test('a request that waits for a connection fails at its deadline, is never sent, and the outage is reported', async () => {
  await using parts = await setUp();
  const { clock, client, open, health } = parts;
  const results: string[] = [];
  const call = () => client.get(maps, place).catch(({ code, message }) => results.push(`${code} ${message}`));
  // A page of a list may take longer than a request.
  const lists = Array.from({ length: poolSize }, () => client.list(maps, {}).catch(() => {}));
  await until(() => open.length === poolSize, 'the pool is full');
  for (let turn = 0; turn < 3; turn++) {
    const calls = Array.from({ length: 8 }, call);
    await clock.advanceAsync(4500);
    await Promise.all(calls);
  }
  assert.equal(results.length, 24);
  for (const result of results) assert.match(result, /^Unavailable no response from .* \(timeout after 4500 ms\)$/);
  clock.advance(1000);
  assert.match(health.obstacle!, /no request .* has been answered for 10 seconds: .*timeout after 4500 ms/);
  for (const { response } of open) response.end('{"metadata":{"resourceVersion":"1"},"items":[]}');
  await Promise.all(lists);
  assert.equal(health.obstacle, undefined);
  const last = client.create(maps, 'n', {});
  await until(() => open.length > poolSize, 'the next request is sent');
  open.at(-1)!.response.end('{}');
  await last;
  assert.equal(open.length, poolSize + 1, 'those that gave up while they waited were not sent');
});

test('a request that waits for a connection can be cancelled at once', async () => {
  await using parts = await setUp();
  const { client, open, health } = parts;
  const stop = new AbortController();
  const sent = Array.from({ length: poolSize }, () => client.get(maps, place, stop.signal));
  await until(() => open.length === poolSize, 'the pool is full');
  const queued = client.create(maps, 'n', {}, stop.signal);
  stop.abort(new Error('the operator is stopping'));
  for (const request of [queued, ...sent])
    await assert.rejects(request, { code: 'Cancelled', message: /was cancelled: the operator is stopping$/ });
  assert.equal(open.length, poolSize);
  assert.equal(health.obstacle, undefined);
});

test('a watch that does not begin ends at the same deadline', async () => {
  await using parts = await setUp();
  const { clock, client, open } = parts;
  const watch = client.watch(maps, { resourceVersion: '1', timeoutSeconds: 300 }, 60_000, new AbortController().signal);
  await until(() => open.length === 1, 'the watch is requested');
  clock.advance(4500);
  await assert.rejects(watch, { code: 'Unavailable', message: /timeout after 4500 ms/ });
});

test('a watch that has begun can be aborted, and does not end at that deadline', async () => {
  await using parts = await setUp();
  const { clock, client, open } = parts;
  const stop = new AbortController();
  const watch = client.watch(maps, { resourceVersion: '1', timeoutSeconds: 300 }, 60_000, stop.signal);
  await until(() => open.length === 1, 'the watch is requested');
  const { response } = open[0]!;
  response.writeHead(200).write('\n');
  const events = (await watch)[Symbol.asyncIterator]();
  clock.advance(60_000);
  response.write('{"type":"ADDED","object":{}}\n');
  assert.equal((await events.next()).value.type, 'ADDED');
  const next = events.next();
  stop.abort(new Error('enough'));
  await assert.rejects(next, { code: 'Cancelled' });
});

test('credentials that cannot be read in time are no reason to wait longer', async () => {
  await using parts = await setUp(new FakeClock(), () => new Promise(() => {}));
  const { clock, client } = parts;
  const request = client.get(maps, place);
  await until(() => clock.pending === 1, 'the request waits');
  clock.advance(4500);
  await assert.rejects(request, { code: 'Unavailable', message: /timeout after 4500 ms/ });
});
