import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { systemClock } from '../../../src/base/clock.ts';
import { type ApiUse, apiUses, type Verb } from '../../../src/contract/api-uses.ts';
import { OperatorMetrics } from '../../../src/operator/metrics.ts';
import { Operator } from '../../../src/operator/operator.ts';
import { until } from '../fake-clock.ts';
import { netExporter } from './net-exporter-builder.ts';
import { quietLog } from './quiet-log.ts';

/** What a path of the API is about. */
interface Target {
  group: string;
  namespace: string | undefined;
  plural: string;
  name: string | undefined;
  subresource: string | undefined;
}

/** Undefined for what tells which APIs there are: everyone may read that. */
function targetOf(path: string): Target | undefined {
  const match =
    /^\/(?:api\/v1|apis\/([^/]+)\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path);
  if (!match) return undefined;
  const [, group = '', namespace, plural, name, subresource] = match;
  return { group, namespace, plural: plural!, name, subresource };
}

function verbOf(method: string, { name }: Target, query: URLSearchParams): Verb {
  if (method === 'POST') return 'create';
  if (method === 'PATCH') return 'patch';
  if (method === 'DELETE') return 'delete';
  if (query.has('watch')) return 'watch';
  return name === undefined ? 'list' : 'get';
}

function isDeclared(verb: Verb, { group, plural, subresource, namespace, name }: Target): boolean {
  return Object.values<ApiUse>(apiUses).some(
    (use) =>
      use.group === group &&
      use.plural === plural &&
      (use.namespace === undefined || use.namespace === namespace) &&
      (use.name === undefined || name === undefined || use.name === name) &&
      (subresource === undefined ? use.verbs : (use.subresources?.[subresource] ?? [])).includes(verb),
  );
}

// biome-ignore lint/suspicious/noExplicitAny: the API server takes every kind of object
type Json = Record<string, any>;

/** An API server that keeps what it is given, and writes down which verb was asked of what. */
function startServer(): { server: ReturnType<typeof createServer>; objects: Map<string, Json>; asked: Set<string> } {
  const objects = new Map<string, Json>();
  const asked = new Set<string>();
  let version = 100;
  const keep = (path: string, object: Json): Json => {
    const metadata = { uid: `uid-${path}`, ...object.metadata, resourceVersion: String(++version) };
    objects.set(path, { ...object, metadata });
    return objects.get(path)!;
  };
  const answer = (response: ServerResponse, status: number, body: object): void =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url!, 'http://localhost');
    let text = '';
    for await (const chunk of request) text += chunk;
    const target = targetOf(pathname);
    if (!target) return answer(response, 200, { resources: [{ name: 'podmonitors', verbs: ['create'] }] });
    const verb = verbOf(request.method!, target, searchParams);
    const { group, plural, name, subresource } = target;
    asked.add(`${verb} ${subresource ? `${plural}/${subresource}` : plural}.${group}`);
    if (!isDeclared(verb, target)) return answer(response, 403, { reason: 'Forbidden', message: `may not ${verb}` });
    if (verb === 'watch') return void response.writeHead(200).flushHeaders();
    if (verb === 'list') {
      const items = [...objects].filter(([path]) => targetOf(path)!.plural === plural).map(([, object]) => object);
      return answer(response, 200, { metadata: { resourceVersion: String(version) }, items });
    }
    const path = subresource ? pathname.slice(0, pathname.lastIndexOf('/')) : pathname;
    const object = objects.get(path);
    if (verb === 'create') {
      const made = JSON.parse(text) as Json;
      return answer(response, 201, keep(`${path}/${made.metadata.name}`, made));
    }
    if (!object) return answer(response, 404, { reason: 'NotFound', message: `${plural} "${name}" not found` });
    if (verb === 'patch') {
      const patch = JSON.parse(text) as Json;
      return answer(
        response,
        200,
        keep(path, { ...object, ...patch, metadata: { ...object.metadata, ...patch.metadata } }),
      );
    }
    answer(response, 200, object);
  };
  return { server: createServer((request, response) => void serve(request, response)), objects, asked };
}

test('whatever an operator asks of the API server is declared, so that the generated roles allow it', async () => {
  const { server, objects, asked } = startServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const resource = netExporter();
  const { namespace, name } = resource.metadata;
  objects.set(`/apis/net-exporter.dev/v1alpha1/namespaces/${namespace}/netexporters/${name}`, resource);
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const operator = new Operator({
    access: { server: url, credentials: async () => ({ headers: {}, tls: {} }) },
    nameservers: ['10.96.0.10'],
    clock: systemClock,
    random: Math.random,
    log: quietLog,
    metrics: new OperatorMetrics('1.2.3'),
    agentImage: 'example.com/agent:1',
    podName: 'operator-1',
    namespace: 'net-exporter-system',
    identity: 'operator-1_x',
    version: '1.2.3',
    sync: { port: 0, address: '192.0.2.1', advertisedPort: undefined },
    onLost: assert.fail,
  });
  operator.start();
  const expected = [
    ...['serviceaccounts.', 'services.', 'configmaps.', 'daemonsets.apps', 'networkpolicies.networking.k8s.io']
      .concat('podmonitors.monitoring.coreos.com')
      .map((kind) => `create ${kind}`),
    'create events.events.k8s.io',
    'create leases.coordination.k8s.io',
    'patch netexporters/status.net-exporter.dev',
    'create secrets.',
    'create endpointslices.discovery.k8s.io',
  ];
  await until(() => expected.every((request) => asked.has(request)), 'everything has been made');
  await operator.stop();
  const declared = new Set(
    Object.values<ApiUse>(apiUses).flatMap(({ group, plural, verbs, subresources = {} }) => [
      ...verbs.map((verb) => `${verb} ${plural}.${group}`),
      ...Object.entries(subresources).flatMap(([sub, more]) => more.map((verb) => `${verb} ${plural}/${sub}.${group}`)),
    ]),
  );
  assert.deepEqual(
    [...asked].filter((request) => !declared.has(request)),
    [],
  );
});

test('what is not declared counts as such', () => {
  const maps = { group: '', namespace: 'n', plural: 'configmaps', name: 'a', subresource: undefined };
  assert.equal(isDeclared('delete', maps), true);
  assert.equal(isDeclared('update', maps), false);
  assert.equal(isDeclared('list', { ...maps, plural: 'secrets' }), false);
  const secret = { ...maps, plural: 'secrets', namespace: 'net-exporter-system', name: 'net-exporter-operator-sync' };
  assert.equal(isDeclared('patch', secret), true);
  assert.equal(isDeclared('patch', { ...secret, name: 'other' }), false);
  assert.equal(isDeclared('delete', secret), false);
  assert.equal(isDeclared('get', { ...maps, subresource: 'status' }), false);
  const lease = { ...maps, group: 'coordination.k8s.io', plural: 'leases', name: 'net-exporter-operator' };
  assert.equal(isDeclared('get', lease), false);
  assert.equal(isDeclared('get', { ...lease, namespace: 'net-exporter-system' }), true);
});
