import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, beforeEach, test } from 'node:test';
import { ApiClient } from '../../../../src/operator/kube/api-client.ts';
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
const server = createServer((request, response) => {
  requests.push(request.method!);
  request.resume();
  const answer = answers.shift() ?? ((response) => response.end('{}'));
  answer(response);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;
const clock = new FakeClock();
let leading = true;
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
  requests.length = answers.length = 0;
  leading = true;
  credentialsRead = async () => {};
  writeGuard = new LeaderWriteGuard(() => leading, clock);
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
  assert.deepEqual([idle, writeGuard.isQuiet], [false, false]);
  held[0]!.end('{}');
  await Promise.all([write, closed]);
  assert.equal(writeGuard.isQuiet, true);
});

test('after a write without an answer it is quiet only when that can have no effect any more', async () => {
  answers.push((response) => response.destroy());
  await assert.rejects(client.apply(maps, place, {}), { code: 'Unavailable' });
  await writeGuard.close();
  assert.equal(writeGuard.isQuiet, false);
  clock.advance(5000);
  assert.equal(writeGuard.isQuiet, true);
});
