import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, beforeEach, test } from 'node:test';
import { ApiClient } from '../../../../src/operator/kube/api-client.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import { ApiTransport } from '../../../../src/operator/kube/api-transport.ts';
import { GuardedConnection } from '../../../../src/operator/leader/guarded-connection.ts';
import { LeaderWriteGuard } from '../../../../src/operator/leader/leader-write-guard.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { quietRequests } from '../quiet-requests.ts';

const maps = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const place = { namespace: 'n', name: 'a' };

type Answer = (response: ServerResponse) => void;
const answers: Answer[] = [];
const requests: string[] = [];
/** Of each request, what it tells the API server. */
const timeouts: (string | null)[] = [];
const server = createServer((request, response) => {
  requests.push(request.method!);
  timeouts.push(new URL(request.url!, 'http://server').searchParams.get('timeout'));
  request.resume();
  const answer = answers.shift() ?? ((response) => response.end('{}'));
  answer(response);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;
const clock = new FakeClock();
let leading = true;
let writeTimeLeftMs = 14_000;
const leadership = {
  get isLeading() {
    return leading;
  },
  get writeTimeLeftMs() {
    return writeTimeLeftMs;
  },
};
let credentialsRead = async () => {};
const access = {
  server: new URL(`http://127.0.0.1:${port}/`),
  credentials: async () => {
    await credentialsRead();
    return { headers: {}, tls: {} };
  },
};
const open: GuardedConnection[] = [];
let writeGuard: LeaderWriteGuard;
let client: ApiClient;

beforeEach(() => {
  requests.length = timeouts.length = answers.length = 0;
  leading = true;
  writeTimeLeftMs = 14_000;
  credentialsRead = async () => {};
  writeGuard = new LeaderWriteGuard(leadership, clock);
  const connection = new GuardedConnection(access, clock, writeGuard);
  open.push(connection);
  client = new ApiClient(
    new ApiTransport({ connection, clock, random: () => 0, userAgent: 'u', observe: quietRequests }),
    'us',
  );
});

after(async () => {
  for (const connection of open) await connection.close();
  server.closeAllConnections();
  server.close();
});

test('who does not lead reads, and sends no write of any kind', async () => {
  leading = false;
  await client.get(maps, place);
  for (const write of [
    () => client.create(maps, 'n', {}),
    () => client.apply(maps, place, {}),
    () => client.mergePatch(maps, place, {}),
    () => client.delete(maps, place, 'u'),
  ])
    await assert.rejects(write, { name: 'ApiError', code: 'NotLeader', message: /does not hold the lease/ });
  assert.deepEqual(requests, ['GET']);
  leading = true;
  await client.apply(maps, place, {});
  assert.deepEqual(requests, ['GET', 'PATCH']);
});

test('a write that is asked to come later does not come when the lease is lost meanwhile', async () => {
  answers.push((response) => response.writeHead(429, { 'retry-after': '2' }).end('{}'));
  const write = client.apply(maps, place, {});
  await until(() => (clock.next ?? 9000) < 4000, 'it waits to send it again');
  leading = false;
  clock.advance(5000);
  await assert.rejects(write, { code: 'NotLeader' });
  assert.deepEqual(requests, ['PATCH']);
});

test('a write that waited for credentials or a connection is judged when it would be sent', async () => {
  credentialsRead = async () => {
    leading = false;
  };
  await assert.rejects(client.apply(maps, place, {}), { code: 'NotLeader' });
  assert.deepEqual(requests, []);
});

test('closed, it lets nothing through and waits for what is under way', async () => {
  const held: ServerResponse[] = [];
  answers.push((response) => held.push(response));
  const write = client.apply(maps, place, {});
  await until(() => held.length === 1, 'the write is under way');
  let idle = false;
  const closed = writeGuard.close().then(() => {
    idle = true;
  });
  await assert.rejects(client.apply(maps, place, {}), { code: 'NotLeader' });
  assert.deepEqual([idle, writeGuard.quietInMs], [false, Infinity]);
  held[0]!.end('{}');
  await Promise.all([write, closed]);
  assert.equal(writeGuard.quietInMs, 0);
});

test('a write without a response can take effect until its deadline and half a second more, not later', async () => {
  answers.push((response) => response.destroy());
  await assert.rejects(client.apply(maps, place, {}), { code: 'Unavailable' });
  await writeGuard.close();
  assert.equal(writeGuard.quietInMs, 14_500);
  clock.advance(14_499);
  assert.equal(writeGuard.quietInMs, 1);
  clock.advance(1);
  assert.equal(writeGuard.quietInMs, 0);
});

/** The Status of an internal error, as the API server writes it. */
const internalError = (what: string) => {
  const message = `Internal error occurred: ${what}`;
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: 'InternalError' };
};
const etcdTimeout = { ...internalError(''), message: 'etcdserver: request timed out' };
const webhookTimeout = internalError('failed calling webhook "a.example.com": context deadline exceeded');

for (const [status, quietInMs, body] of [
  [408, 13_500],
  [500, 13_500],
  [500, 13_500, etcdTimeout],
  [500, 13_500, internalError(`${'x'.repeat(2000)} failed calling webhook "a"`)],
  [500, 500, webhookTimeout],
  [502, 13_500],
  [503, 13_500],
  [504, 13_500],
  [409, 0],
  [422, 0],
] as [number, number, { message: string }?][])
  test(`a write that is answered with ${status} ${body?.message.slice(0, 50) ?? ''} after a second may still take effect for ${quietInMs} ms`, async () => {
    const held: ServerResponse[] = [];
    answers.push((response) => held.push(response));
    const write = client.mergePatch(maps, place, {});
    await until(() => held.length === 1, 'the write is under way');
    clock.advance(1000);
    held[0]!.writeHead(status).end(JSON.stringify(body ?? {}));
    await assert.rejects(write, { name: 'ApiError' });
    await writeGuard.close();
    assert.equal(writeGuard.quietInMs, quietInMs);
  });

test('a write tells the API server a timeout that ends 0.75 s before the last moment for it', async () => {
  writeTimeLeftMs = 12_345.6;
  for (const write of [
    () => client.create(maps, 'n', {}),
    () => client.apply(maps, place, {}),
    () => client.mergePatch(maps, place, {}),
    () => client.delete(maps, place, 'u'),
  ])
    await write();
  await client.get(maps, place);
  assert.deepEqual(timeouts, [...Array(4).fill('11595ms'), null]);
});

test('a webhook of 6 s holds up a write, and no more', async () => {
  const held: ServerResponse[] = [];
  answers.push((response) => held.push(response));
  const write = client.apply(maps, place, {});
  await until(() => held.length === 1, 'the write is under way');
  clock.advance(6000);
  held[0]!.end('{}');
  await write;
  assert.equal(writeGuard.quietInMs, 0);
});

test('a webhook of 20 s ends a write at its deadline, however often the lease is renewed, and closes its connection', async () => {
  const closed = Promise.withResolvers<void>();
  answers.push((response) => response.on('close', closed.resolve));
  const write = client.apply(maps, place, {});
  await until(() => requests.length === 1, 'the write is under way');
  clock.advance(13_999);
  assert.equal(writeGuard.isWriting, true);
  clock.advance(1);
  await assert.rejects(write, { code: 'Timeout', message: 'no response to the write within about 14 s' });
  await closed.promise;
  assert.deepEqual([requests.length, writeGuard.quietInMs], [1, 500]);
});

test('when the lease is lost, writes in flight are aborted and their connections closed', async () => {
  const closed = Promise.withResolvers<void>();
  answers.push((response) => response.on('close', closed.resolve));
  const write = client.apply(maps, place, {});
  await until(() => requests.length === 1, 'the write is under way');
  writeGuard.abort(new ApiError('NotLeader', 'lost'));
  await assert.rejects(write, { code: 'NotLeader', message: 'lost' });
  await closed.promise;
});

test('a write that waited for a connection is sent with the timeout of that moment', async () => {
  const held: ServerResponse[] = [];
  const connections = 32;
  answers.push(...Array.from({ length: connections }, (): Answer => (response) => held.push(response)));
  const reads = Array.from({ length: connections }, () => client.get(maps, place));
  await until(() => held.length === connections, 'every connection is in use');
  const write = client.apply(maps, place, {});
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(2000);
  writeTimeLeftMs = 12_000;
  for (const response of held) response.end('{}');
  await Promise.all([write, ...reads]);
  assert.equal(timeouts.at(-1), '11250ms');
  assert.equal(writeGuard.quietInMs, 0);
});

for (const [waitedMs, timeout] of [
  [250, '13250ms'],
  [400, '12850ms'],
] as const)
  test(`a write that waited ${waitedMs} ms for a connection leaves half a second for the way to the API server`, async () => {
    const held: ServerResponse[] = [];
    const connections = 32;
    answers.push(...Array.from({ length: connections }, (): Answer => (response) => held.push(response)));
    const reads = Array.from({ length: connections }, () => client.get(maps, place));
    await until(() => held.length === connections, 'every connection is in use');
    const write = client.apply(maps, place, {});
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(waitedMs);
    writeTimeLeftMs -= waitedMs;
    for (const response of held) response.end('{}');
    await Promise.all([write, ...reads]);
    assert.equal(timeouts.at(-1), timeout);
  });

test('a write that its caller gave up before it had a connection is never sent, and has no effect to wait for', async () => {
  const held: ServerResponse[] = [];
  const connections = 32;
  answers.push(...Array.from({ length: connections }, (): Answer => (response) => held.push(response)));
  const reads = Array.from({ length: connections }, () => client.get(maps, place));
  await until(() => held.length === connections, 'every connection is in use');
  const end = new AbortController();
  const write = client.apply(maps, place, {}, end.signal);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  end.abort(new Error('given up'));
  await assert.rejects(write, { code: 'Cancelled' });
  for (const response of held) response.end('{}');
  await Promise.all(reads);
  await client.get(maps, place);
  assert.deepEqual([writeGuard.quietInMs, requests.includes('PATCH')], [0, false]);
});
