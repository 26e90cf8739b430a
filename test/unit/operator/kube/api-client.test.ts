import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, beforeEach, test } from 'node:test';
import { ApiClient, type WatchEvent } from '../../../../src/operator/kube/api-client.ts';
import type { Credentials } from '../../../../src/operator/kube/cluster-access.ts';
import { Connection } from '../../../../src/operator/kube/connection.ts';
import { FakeClock, until } from '../fake-clock.ts';

const maps = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const place = { namespace: 'n', name: 'a' };

type Answer = (response: ServerResponse) => void;
const answers: Answer[] = [];
const requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];
const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  requests.push({ method: request.method!, url: request.url!, headers: request.headers, body });
  (answers.shift() ?? json(200, {}))(response);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;
const clock = new FakeClock();
const seen: string[] = [];
let credentials: Credentials = { headers: { Authorization: 'Bearer first' }, tls: {} };
const access = { server: new URL(`http://127.0.0.1:${port}/prefix/`), credentials: async () => credentials };
const connection = new Connection(access, clock);
const client = new ApiClient({
  connection,
  clock,
  userAgent: 'operator/1',
  fieldManager: 'us',
  observe: ({ method, code }) => seen.push(`${method} ${code}`),
});

beforeEach(() => {
  answers.length = requests.length = seen.length = 0;
});

after(async () => {
  await connection.close();
  server.closeAllConnections();
  server.close();
});

function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (response) => response.writeHead(status, headers).end(JSON.stringify(body));
}

test('a request carries who we are, and its answer comes back as it is', async () => {
  answers.push(json(200, { metadata: { name: 'a' }, unknownField: { kept: true } }));
  const object = await client.get(maps, place);
  assert.deepEqual(object.unknownField, { kept: true });
  const [{ method, url, headers }] = requests as [(typeof requests)[0]];
  assert.deepEqual([method, url], ['GET', '/prefix/api/v1/namespaces/n/configmaps/a']);
  assert.deepEqual([headers.authorization, headers['user-agent']], ['Bearer first', 'operator/1']);
  assert.deepEqual(seen, ['GET 200']);
});

test('each way to write has its content type and names the field manager', async () => {
  await client.create(maps, 'n', { data: {} });
  await client.apply(maps, place, { data: {} });
  await client.mergePatch(maps, { ...place, subresource: 'status' }, { status: {} });
  await client.delete(maps, place, 'u1');
  assert.deepEqual(
    requests.map(({ method, url, headers }) => [
      method,
      url.replace('/prefix/api/v1/namespaces/n/configmaps', ''),
      headers['content-type'],
    ]),
    [
      ['POST', '?fieldManager=us', 'application/json'],
      ['PATCH', '/a?fieldManager=us&force=true', 'application/apply-patch+yaml'],
      ['PATCH', '/a/status?fieldManager=us', 'application/merge-patch+json'],
      ['DELETE', '/a', 'application/json'],
    ],
  );
  assert.deepEqual(JSON.parse(requests[3]!.body).preconditions, { uid: 'u1' });
});

test('a refusal is an error with a code and the API server’s words', async () => {
  answers.push(json(409, { reason: 'Conflict', message: 'changed meanwhile' }));
  await assert.rejects(client.get(maps, place), { name: 'ApiError', code: 'Conflict', message: 'changed meanwhile' });
  assert.deepEqual(seen, ['GET 409']);
});

test('what is asked to come later comes later', async () => {
  answers.push(json(429, {}, { 'retry-after': '2' }), json(200, { metadata: { name: 'a' } }));
  const object = client.get(maps, place);
  await until(() => clock.next === 2000, 'it waits');
  clock.advance(2000);
  assert.equal((await object).metadata.name, 'a');
  assert.deepEqual(seen, ['GET 429', 'GET 200']);
});

test('refused credentials are read again, once', async () => {
  credentials = { headers: { Authorization: 'Bearer second' }, tls: {} };
  answers.push(json(401, { reason: 'Unauthorized' }));
  await client.get(maps, place);
  assert.deepEqual(
    requests.map(({ headers }) => headers.authorization),
    ['Bearer first', 'Bearer second'],
  );
});

test('credentials are read again after a minute', async () => {
  credentials = { headers: { Authorization: 'Bearer third' }, tls: {} };
  await client.get(maps, place);
  assert.equal(requests.at(-1)!.headers.authorization, 'Bearer second');
  clock.advance(60_000);
  await client.get(maps, place);
  assert.equal(requests.at(-1)!.headers.authorization, 'Bearer third');
});

test('an answer that does not come is given up after a time', async () => {
  answers.push(() => {});
  const object = client.get(maps, place);
  await until(() => requests.length === 1 && clock.pending === 1, 'the request is under way');
  clock.advance(4500);
  await assert.rejects(object, { code: 'Unavailable', message: /no answer within 4500 ms/ });
  assert.deepEqual(seen, ['GET <error>']);
});

test('an answer that breaks off or is no JSON is an error', async () => {
  answers.push((response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{');
    setImmediate(() => response.destroy());
  });
  await assert.rejects(client.get(maps, place), { code: 'Unavailable' });
  answers.push((response) => response.end('<html>'));
  await assert.rejects(client.get(maps, place), { code: 'Unexpected' });
});

test('a watch gives its events, one by one, until it ends', async () => {
  answers.push((response) => {
    response.write('{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n{"type":"BOOK');
    response.end('MARK","object":{"metadata":{"resourceVersion":"9"}}}\n{"cut');
  });
  const events: WatchEvent[] = [];
  const query = { labelSelector: 'a=b', resourceVersion: '5', timeoutSeconds: 300 };
  for await (const event of client.watch(maps, query, 60_000, new AbortController().signal)) events.push(event);
  assert.deepEqual(
    events.map(({ type }) => type),
    ['ADDED', 'BOOKMARK'],
  );
  assert.equal(
    requests[0]!.url,
    '/prefix/api/v1/configmaps?labelSelector=a%3Db&resourceVersion=5&timeoutSeconds=300&watch=true&allowWatchBookmarks=true',
  );
});

test('a watch that says nothing is given up', { timeout: 20_000 }, async () => {
  answers.push((response) => response.writeHead(200).flushHeaders());
  const query = { resourceVersion: '5', timeoutSeconds: 300 };
  const watch = client.watch(maps, query, 1000, new AbortController().signal);
  await assert.rejects(watch.next(), { code: 'Unavailable', message: /the watch broke/ });
});
