import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { after, beforeEach, test } from 'node:test';
import { TokenBucket } from '../../../../src/base/token-bucket.ts';
import { ApiClient, type oversizedEvent, type WatchEvent } from '../../../../src/operator/kube/api-client.ts';
import { ApiTransport } from '../../../../src/operator/kube/api-transport.ts';
import type { Credentials } from '../../../../src/operator/kube/cluster-access.ts';
import { Connection } from '../../../../src/operator/kube/connection.ts';
import { readPublishedKeys } from '../../../../src/operator/sync/identity/published-keys.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { testWithEachWallClock } from '../../wall-clocks.ts';

const maps = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const place = { namespace: 'n', name: 'a' };
const fromFive = { resourceVersion: '5', timeoutSeconds: 300 };

type Answer = (response: ServerResponse) => void;
const answers: Answer[] = [];
const requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];
const sockets = new Set<Socket>();
const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  requests.push({ method: request.method!, url: request.url!, headers: request.headers, body });
  (answers.shift() ?? json(200, {}))(response);
});
server.on('connection', (socket) => {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;
const clock = new FakeClock();
const seen: string[] = [];
let credentials: () => Promise<Credentials>;
const access = { server: new URL(`http://127.0.0.1:${port}/prefix/`), credentials: () => credentials() };
const connection = new Connection(access, clock);
const observe = {
  answered: ({ method, code, host }: { method: string; code: string; host: string }) => {
    assert.equal(host, `127.0.0.1:${port}`);
    seen.push(`${method} ${code}`);
  },
  retried: ({ method, code }: { method: string; code: string }) => void seen.push(`${method} again after ${code}`),
  limited: ({ seconds }: { seconds: number }) => void (seconds > 0 && seen.push(`held up for ${seconds}`)),
};
const transport = (limit?: TokenBucket) =>
  new ApiTransport({ connection, clock, random: () => 0, userAgent: 'operator/1', limit, observe });
const client = new ApiClient(transport(), 'us');

const holds = (token: string) => async () => ({ headers: { Authorization: `Bearer ${token}` }, tls: {} });

beforeEach(() => {
  answers.length = requests.length = seen.length = 0;
  credentials = holds('first');
});

after(async () => {
  await connection.close();
  server.closeAllConnections();
  server.close();
});

function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (response) => response.writeHead(status, headers).end(JSON.stringify(body));
}

type WatchedEvent = WatchEvent | typeof oversizedEvent;

async function watchAll(watch: Promise<AsyncIterable<WatchedEvent>>): Promise<WatchedEvent[]> {
  const events: WatchedEvent[] = [];
  for await (const event of await watch) events.push(event);
  return events;
}

test('a request carries who we are, and its answer comes back as it is', async () => {
  answers.push(json(200, { metadata: { name: 'a' }, unknownField: { kept: true } }));
  const object = await client.get(maps, place);
  assert.deepEqual(object?.unknownField, { kept: true });
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

test('the issuer of tokens and its keys are asked for in the types that the API server answers', async () => {
  const keys = { keys: [{ kid: 'k' }, { kid: 'l' }] };
  // As an API server does that was given one key twice.
  answers.push(json(200, { issuer: 'https://issuer' }), json(200, { keys: [...keys.keys, { kid: 'k' }] }));
  assert.deepEqual(await readPublishedKeys(client), { issuer: 'https://issuer', keys });
  assert.deepEqual(
    requests.map(({ method, url, headers }) => [method, url, headers.accept]),
    [
      ['GET', '/prefix/.well-known/openid-configuration', 'application/json'],
      ['GET', '/prefix/openid/v1/jwks', 'application/jwk-set+json'],
    ],
  );
  answers.push(json(200, {}), json(200, keys));
  await assert.rejects(readPublishedKeys(client), { code: 'Unexpected' });
  answers.push(json(200, { issuer: 'https://issuer' }), json(200, {}));
  await assert.rejects(readPublishedKeys(client), { code: 'Unexpected' });
  answers.push(json(404, { reason: 'NotFound', message: 'the server could not find the requested resource' }));
  await assert.rejects(readPublishedKeys(client), { code: 'NotFound', message: /--service-account-issuer/ });
});

test('an object that is not there is no error', async () => {
  answers.push(json(404, { reason: 'NotFound', message: 'configmaps "a" not found' }));
  assert.equal(await client.get(maps, place), undefined);
});

test('a refusal is an error with a code and the API server’s words', async () => {
  answers.push(json(409, { reason: 'Conflict', message: 'changed meanwhile' }));
  await assert.rejects(client.get(maps, place), { name: 'ApiError', code: 'Conflict', message: 'changed meanwhile' });
  assert.deepEqual(seen, ['GET 409']);
});

test('what is asked to come later comes later, a write too', async () => {
  answers.push(json(429, {}, { 'retry-after': '2' }), json(503, {}, { 'retry-after': '1' }));
  const object = client.create(maps, 'n', {});
  await until(() => clock.next === 2000, 'it waits');
  clock.advance(2000);
  await until(() => clock.next === 1000, 'it waits again');
  clock.advance(1000);
  await object;
  assert.deepEqual(seen, ['POST 429', 'POST again after 429', 'POST 503', 'POST again after 503', 'POST 200']);
});

test('a write that may have been processed is not sent a second time', async () => {
  for (const status of [500, 502, 503, 504]) {
    answers.push(json(status, {}));
    await assert.rejects(client.create(maps, 'n', {}), { code: 'Unavailable', status });
  }
  assert.equal(requests.length, 4);
});

test('a request that is given up while it waits is not sent', async () => {
  answers.push(json(429, {}, { 'retry-after': '2' }));
  const stop = new AbortController();
  const object = client.get(maps, place, stop.signal);
  await until(() => clock.next === 2000, 'it waits');
  stop.abort();
  await assert.rejects(object, { code: 'Cancelled', message: /GET .*configmaps\/a was cancelled: / });
  await assert.rejects(client.get(maps, place, stop.signal), { code: 'Cancelled' });
  assert.equal(requests.length, 1);
  assert.equal(clock.pending, 0);
});

test('a request that is given up under way ends its connection', async () => {
  answers.push(() => {});
  const stop = new AbortController();
  const object = client.get(maps, place, stop.signal);
  await until(() => requests.length === 1, 'the request is under way');
  stop.abort();
  await assert.rejects(object, { code: 'Cancelled' });
  assert.equal(clock.pending, 0);
});

test('more requests than the rate allows wait in their order; watches and clients without a limit do not', async () => {
  const limited = new ApiClient(transport(new TokenBucket({ perSecond: 10, burst: 2 }, clock)), 'us');
  const four = ['a', 'b', 'c', 'd'].map((name) => limited.get(maps, { namespace: 'n', name }));
  await Promise.all(four.slice(0, 2));
  assert.equal(requests.length, 2);
  answers.push((response) => response.end());
  assert.deepEqual(await watchAll(limited.watch(maps, fromFive, 60_000, new AbortController().signal)), []);
  await client.get(maps, { namespace: 'n', name: 'lease' });
  assert.equal(requests.length, 4);
  clock.advance(100);
  await four[2];
  clock.advance(100);
  await four[3];
  const names = requests.map(({ url }) => url.split('?')[0]!.split('/').at(-1));
  assert.deepEqual(
    // The first two are sent together, on a connection each.
    [...names.slice(0, 2).sort(), ...names.slice(2)],
    ['a', 'b', 'configmaps', 'lease', 'c', 'd'],
  );
  assert.deepEqual(
    seen.filter((line) => line.startsWith('held')),
    ['held up for 0.1', 'held up for 0.2'],
  );
});

test('refused credentials are read again, once', async () => {
  clock.advance(60_000);
  await client.get(maps, place);
  credentials = holds('second');
  answers.push(json(401, { reason: 'Unauthorized' }));
  await client.get(maps, place);
  answers.push(json(401, { message: 'Unauthorized' }), json(401, { message: 'Unauthorized' }));
  await assert.rejects(client.get(maps, place), {
    code: 'Unauthorized',
    message: /token or client certificate is not accepted/,
  });
  assert.deepEqual(
    requests.map(({ headers }) => headers.authorization),
    ['first', 'first', 'second', 'second', 'second'].map((token) => `Bearer ${token}`),
  );
});

test('credentials are read again after a minute, once for many requests', async () => {
  clock.advance(60_000);
  await client.get(maps, place);
  let read = 0;
  credentials = () => {
    read++;
    return holds('renewed')();
  };
  clock.advance(59_999);
  await client.get(maps, place);
  assert.equal(read, 0);
  clock.advance(1);
  await Promise.all([1, 2, 3].map(() => client.get(maps, place)));
  assert.equal(read, 1);
  assert.equal(requests.at(-1)!.headers.authorization, 'Bearer renewed');
});

testWithEachWallClock('requests last and credentials age as time passes', async (newClock) => {
  const clock = newClock();
  const durations: number[] = [];
  let reads = 0;
  const credentials = () => {
    reads++;
    return holds('aging')();
  };
  const connection = new Connection({ ...access, credentials }, clock);
  const observe = {
    answered: ({ seconds }: { seconds: number }) => durations.push(seconds),
    retried() {},
    limited() {},
  };
  const aging = new ApiClient(
    new ApiTransport({ connection, clock, random: () => 0, userAgent: 'operator/1', observe }),
    'us',
  );
  try {
    const ask = (tookMs: number) => {
      answers.push((response) => {
        clock.advance(tookMs);
        json(200, {})(response);
      });
      return aging.get(maps, place);
    };
    await ask(250);
    clock.advance(59_749);
    await ask(1);
    assert.equal(reads, 1);
    await ask(4000);
    assert.equal(reads, 2);
    assert.deepEqual(durations, [0.25, 0.001, 4]);
  } finally {
    await connection.close();
  }
});

test('credentials that cannot be read for a moment are used on, and read as soon as they can be', async () => {
  clock.advance(60_000);
  await client.get(maps, place);
  credentials = () => Promise.reject(new Error('ENOENT'));
  clock.advance(60_000);
  await client.get(maps, place);
  assert.equal(requests.at(-1)!.headers.authorization, 'Bearer first');
  credentials = holds('back');
  clock.advance(5000);
  await client.get(maps, place);
  assert.equal(requests.at(-1)!.headers.authorization, 'Bearer back');
});

test('an answer that does not come is given up after a time, and one that does not end too', async () => {
  for (const answer of [
    () => {},
    (response: ServerResponse) => {
      response.writeHead(200).write('{');
    },
  ]) {
    requests.length = seen.length = 0;
    answers.push(answer);
    const object = client.get(maps, place);
    await until(() => requests.length === 1 && clock.pending === 1, 'the request is under way');
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(4500);
    await assert.rejects(object, { code: 'Unavailable', message: /timeout after 4500 ms/ });
  }
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

test('an answer without an end is refused before it fills the memory', { timeout: 20_000 }, async () => {
  let sent = 0;
  answers.push((response) => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(256 * 1024, ' '))) sent += 256 * 1024;
      sent += 256 * 1024;
    };
    response.on('drain', more);
    more();
  });
  await assert.rejects(client.get(maps, place), { code: 'TooLarge', message: /exceeds 12582912 bytes/ });
  assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken`);
  answers.push((response) => response.writeHead(500).end('x'.repeat(1024 * 1024)));
  await assert.rejects(client.get(maps, place), { code: 'Unavailable', message: 'the API server returned status 500' });
});

test('a page of several objects has at most 4 MiB, and one of a single object more', async () => {
  const items = [{ metadata: { name: 'a', resourceVersion: '1' }, data: 'x'.repeat(5 * 1024 * 1024) }];
  const page = json(200, { metadata: { resourceVersion: '1' }, items });
  answers.push(page, page);
  await assert.rejects(client.list(maps, { limit: 2 }), { code: 'TooLarge', message: /exceeds 4194304 bytes/ });
  assert.equal((await client.list(maps, { limit: 1 })).items.length, 1);
});

test('a watch gives its events, one by one, until it ends', async () => {
  answers.push((response) => {
    response.write('{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n{"type":"BOOK');
    response.end('MARK","object":{"metadata":{"resourceVersion":"9"}}}\n{"cut');
  });
  const query = { labelSelector: 'a=b', ...fromFive };
  const events = await watchAll(client.watch(maps, query, 60_000, new AbortController().signal));
  assert.deepEqual(
    events.map(({ type }) => type),
    ['ADDED', 'BOOKMARK'],
  );
  assert.equal(
    requests[0]!.url,
    '/prefix/api/v1/configmaps?labelSelector=a%3Db&resourceVersion=5&timeoutSeconds=300&watch=true&allowWatchBookmarks=true',
  );
});

test('a watch that breaks off is an error, and so is what is no JSON in it', async () => {
  answers.push((response) => {
    response.write('{"type":"ADDED","object":{}}\n');
    setImmediate(() => response.destroy());
  });
  const { signal } = new AbortController();
  await assert.rejects(watchAll(client.watch(maps, fromFive, 60_000, signal)), { code: 'Unavailable' });
  answers.push((response) => response.end('{"type":\n'));
  await assert.rejects(watchAll(client.watch(maps, fromFive, 60_000, signal)), { code: 'Unexpected' });
});

test('a watch that says nothing ends in bounded time, and its connection with it', { timeout: 20_000 }, async () => {
  let silent: ServerResponse | undefined;
  answers.push((response) => {
    silent = response;
    response.writeHead(200).flushHeaders();
  });
  assert.deepEqual(await watchAll(client.watch(maps, fromFive, 1000, new AbortController().signal)), []);
  await until(() => silent!.destroyed, 'the connection ends');
});

test('a watch that is given up ends its connection', async () => {
  let open: ServerResponse | undefined;
  answers.push((response) => {
    open = response;
    response.writeHead(200).flushHeaders();
  });
  const stop = new AbortController();
  const events = watchAll(client.watch(maps, fromFive, 60_000, stop.signal));
  await until(() => open !== undefined, 'it is open');
  stop.abort();
  await assert.rejects(events, { code: 'Cancelled' });
  await until(() => open!.destroyed, 'the connection ends');
});

test('the kernel watches over a silent connection', { skip: process.platform !== 'linux' }, async () => {
  answers.push((response) => response.writeHead(200).flushHeaders());
  const stop = new AbortController();
  const events = await client.watch(maps, fromFive, 60_000, stop.signal);
  // proc(5): local address, remote address, state, queues, and the timer: 02 is keep-alive, due in so many jiffies.
  const ours = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , remote, state]) => state === '01' && Number.parseInt(remote!.split(':')[1]!, 16) === port);
  const timers = ours.map((fields) => fields[5]!.split(':'));
  assert.ok(timers.length > 0);
  for (const [timer, when] of timers) {
    assert.equal(timer, '02');
    assert.ok(Number.parseInt(when!, 16) <= 3000, `due in ${when} jiffies`);
  }
  stop.abort();
  await assert.rejects(watchAll(Promise.resolve(events)), { code: 'Cancelled' });
});

test('connections are bounded, and requests beyond that wait for one', { timeout: 20_000 }, async () => {
  const open: ServerResponse[] = [];
  for (let index = 0; index < 40; index++) answers.push((response) => void open.push(response));
  const objects = Array.from({ length: 40 }, () => client.get(maps, place));
  await until(() => open.length === 32, 'the pool is full');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(open.length, 32);
  assert.ok(sockets.size <= 32, `${sockets.size} connections`);
  while (open.length > 0 || requests.length < 40) {
    open.shift()?.end('{}');
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(objects);
});
