import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { childObjectOf } from '../../../../src/operator/cache/child-object.ts';
import { Reflector } from '../../../../src/operator/cache/reflector.ts';
import { Store } from '../../../../src/operator/cache/store.ts';
import { ApiClient } from '../../../../src/operator/kube/api-client.ts';
import { ApiTransport } from '../../../../src/operator/kube/api-transport.ts';
import { Connection } from '../../../../src/operator/kube/connection.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { FakeClock, until } from '../../fake-clock.ts';
import { heapUsed } from '../heap.ts';
import { quietLog } from '../quiet-log.ts';

const resource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const megabyte = 'x'.repeat(1024 * 1024);

/** A ConfigMap of 1 MiB that someone labelled as one of the operator's. */
function configMap(name: string, resourceVersion: number, text = megabyte): string {
  const labels = { 'app.kubernetes.io/managed-by': 'net-exporter-operator' };
  const ids = { name, namespace: 'tenant', uid: name, resourceVersion: String(resourceVersion) };
  // Forged, where the name is one of a child.
  const owner = { apiVersion: 'net-exporter.dev/v1alpha1', kind: 'NetExporter', uid: 'u', controller: true };
  const ownerReferences = [{ ...owner, name: name.replace(/-agent$/, '') }];
  const metadata = { ...ids, labels, ownerReferences, finalizers: ['example.com/mine'] };
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text } });
}

/** Every other one has the name of a child of a NetExporter. */
const nameOf = (n: number) => (n % 2 === 0 ? `map-${n}` : `map-${n}-agent`);

/** An API server with ConfigMaps of 1 MiB each, and a reflector on it, with real connections. */
async function setUp(count: number) {
  const watches: ServerResponse[] = [];
  const lists: number[] = [];
  const server = createServer(async (request, response) => {
    const { searchParams } = new URL(request.url!, 'http://localhost');
    if (searchParams.has('watch')) {
      response.writeHead(200).flushHeaders();
      watches.push(response);
      return;
    }
    const limit = Number(searchParams.get('limit'));
    const start = Number(searchParams.get('continue') ?? 0);
    lists.push(limit);
    const next = start + limit < count ? `,"continue":"${start + limit}"` : '';
    function* page() {
      yield `{"metadata":{"resourceVersion":"1000"${next}},"items":[`;
      for (let n = start; n < Math.min(count, start + limit); n++)
        yield `${n > start ? ',' : ''}${configMap(nameOf(n), n + 1)}`;
      yield ']}';
    }
    // It fails when the client has had enough.
    await pipeline(Readable.from(page()), response).catch(() => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const clock = new FakeClock();
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const connection = new Connection({ server: url, credentials: async () => ({ headers: {}, tls: {} }) }, clock);
  const observe = { answered() {}, retried() {}, limited() {} };
  const transport = new ApiTransport({ connection, clock, random: () => 0, userAgent: 'test', observe });
  const store = new Store<KubeObject>();
  const faults: string[] = [];
  const reflector = new Reflector({
    ...{ client: new ApiClient(transport, 'test'), resource, store, transform: childObjectOf },
    onFault: ({ plural }) => faults.push(plural),
    ...{ clock, random: () => 0, log: quietLog },
  });
  const end = new AbortController();
  const running = reflector.run(end.signal);
  return {
    ...{ store, reflector, lists, watches, faults },
    async [Symbol.asyncDispose]() {
      end.abort();
      await running;
      await connection.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

test('70 labelled ConfigMaps of 1 MiB are listed, cost next to no memory, and are reported', async () => {
  await using parts = await setUp(70);
  const { reflector, store, lists } = parts;
  const before = heapUsed();
  await reflector.synced;
  assert.equal(store.size, 70);
  assert.ok(Math.min(...lists) >= 2, `no page has fewer objects than needed: ${lists}`);
  assert.match(reflector.notices.join(), /^listing some of the configmaps only \d+ at a time/);
  const growth = heapUsed() - before;
  assert.ok(growth < 20e6, `the heap grew by ${growth} bytes`);
});

test('100 labelled ConfigMaps of 1 MiB that arrive by watch cost next to no memory', async () => {
  await using parts = await setUp(0);
  const { reflector, store, watches } = parts;
  await reflector.synced;
  await until(() => watches.length === 1, 'it watches');
  const before = heapUsed();
  const [watch] = watches as [ServerResponse];
  for (let n = 0; n < 100; n++) {
    if (!watch.write(`{"type":"ADDED","object":${configMap(nameOf(n), 1001 + n)}}\n`)) await once(watch, 'drain');
  }
  await until(() => store.size === 100, 'all have arrived');
  const growth = heapUsed() - before;
  assert.ok(growth < 20e6, `the heap grew by ${growth} bytes`);
});

test('a watch event that is too large is skipped and reported, and the watch goes on', async () => {
  await using parts = await setUp(0);
  const { reflector, store, watches, faults } = parts;
  await until(() => watches.length === 1, 'it watches');
  const [watch] = watches as [ServerResponse];
  watch.write(`{"type":"ADDED","object":${configMap('huge', 1001, megabyte.repeat(17))}}\n`);
  watch.write(`{"type":"ADDED","object":${configMap('small', 1002, 'x')}}\n`);
  await until(() => store.size === 1, 'the next event has arrived');
  assert.ok(store.get('tenant/small'));
  assert.equal(watches.length, 1);
  assert.deepEqual(faults, ['configmaps']);
  assert.match(reflector.notices.join(), /^cannot process 1 of the configmaps.*too large/);
});
