import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiRate } from '../../../../../src/listeners/listener-limits.ts';
import type { ApiSource } from '../../../../../src/operator/http/api/api-source.ts';
import { FakeClock } from '../../../fake-clock.ts';
import { JudgedOperator } from '../../judge/judged-operator.ts';
import { netExporter } from '../../net-exporter-builder.ts';
import { type ApiAnswer, emptySource, serveApi, sourceOf } from './api-rig.ts';

const status = '/api/v1/status';

/** The sentence of an answer that is no success. */
const errorIn = ({ body }: ApiAnswer): string => JSON.parse(body).error;

test('nothing of an answer may be run, framed, guessed, or read by pages of other origins', async () => {
  const { get } = await serveApi(emptySource);
  for (const path of [status, '/api/v1/report.txt', '/api/', '/api/v1/status?limit=0']) {
    const { headers } = await get(path, { origin: 'http://example.com' });
    assert.equal(headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'");
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.equal(headers['referrer-policy'], 'no-referrer');
    assert.equal(headers['cache-control'], 'no-cache');
    assert.equal(headers['access-control-allow-origin'], undefined);
  }
});

test('an internal error is told without its text, and with the same headers', async () => {
  const failing: ApiSource = {
    ...emptySource,
    isLeading: () => {
      throw new Error('of the code');
    },
  };
  const { get } = await serveApi(failing);
  const answer = await get(status);
  assert.equal(answer.status, 500);
  assert.match(errorIn(answer), /^Internal error of the operator/);
  assert.doesNotMatch(answer.body, /of the code/);
  assert.equal(answer.headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'");
});

test('the API is read-only: other methods than GET and HEAD are refused', async () => {
  const { get } = await serveApi(emptySource);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const answer = await get(status, {}, method);
    assert.deepEqual([answer.status, answer.headers.allow], [405, 'GET, HEAD'], method);
  }
  const [head, full] = [await get(status, {}, 'HEAD'), await get(status)];
  assert.deepEqual([head.status, head.body], [200, '']);
  assert.equal(head.headers['content-length'], String(Buffer.byteLength(full.body)));
});

test('only hosts are answered that a page on the internet cannot have', async () => {
  const { get, refusals } = await serveApi(emptySource, { hosts: ['Monitor.example.com'] });
  const codeFor = async (host: string) => (await get(status, { host })).status;
  const inSystem = 'net-exporter-operator.system';
  for (const host of [
    ...['127.0.0.1', '10.0.0.1:8080', '[fd00::1]:8080', '[::1]', 'localhost', 'LOCALHOST:8080', 'localhost.'],
    ...['net-exporter-operator', inSystem, `${inSystem}.svc`, `${inSystem}.svc.cluster.local:8080`],
    ...['monitor.example.com', 'monitor.example.com:443'],
  ])
    assert.equal(await codeFor(host), 200, host);
  assert.deepEqual(refusals, []);
  const refused = [
    ...['example.com', `${inSystem}.svc.example.com`, 'localhost.example.com', '10.0.0.1.example.com', 'other', '[::1'],
    ...['net-exporter-operator.other.svc', 'localhost@example.com', 'localhost:80:80', ' '],
  ];
  for (const host of refused) assert.equal(await codeFor(host), 421, host);
  assert.deepEqual(refusals, Array(refused.length).fill('host'));
  const answer = await get(status, { host: 'api.example.com:6443' });
  assert.match(errorIn(answer), /^The host "api\.example\.com" is not allowed\..* PAGE_HOSTS in the Deployment/);
});

test('an address that sends too many requests is refused, until it slows down', async () => {
  const clock = new FakeClock();
  const { get, refusals } = await serveApi(emptySource, { clock });
  for (let request = 0; request < apiRate.burst; request++) assert.equal((await get(status)).status, 200);
  const refused = await get(status);
  assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '1']);
  assert.equal((await get('/healthz')).status, 200, 'the kubelet is not concerned');
  clock.advance(1000);
  const codes: number[] = [];
  for (let request = 0; request < apiRate.perSecond + 1; request++) codes.push((await get(status)).status);
  assert.deepEqual(codes, [...Array(apiRate.perSecond).fill(200), 429]);
  assert.deepEqual(refusals, ['rate', 'rate']);
});

test('an answer that has not changed is not sent again', async () => {
  const operator = await new JudgedOperator().run(150);
  const { get } = await serveApi(sourceOf(operator), { clock: operator.clock });
  for (const path of ['/api/v1/nodes', '/api/v1/report.txt']) {
    const first = await get(path);
    const etag = first.headers.etag!;
    const again = await get(path, { 'if-none-match': etag });
    assert.deepEqual([again.status, again.body, again.headers.etag], [304, '', etag]);
    await operator.run(30);
    const later = await get(path, { 'if-none-match': etag });
    assert.equal(later.status, 200, `${path} has changed`);
    assert.notEqual(later.headers.etag, etag);
  }
});

test('a parameter that is wrong is refused with what to write', async () => {
  const { get } = await serveApi(emptySource);
  const wrong = {
    'limit=0': /limit must be a number from 1 to 500/,
    'limit=501': /limit must be a number/,
    'limit=1e2': /limit must be a number/,
    'state=bad': /state must be one of ok, slow, failing, unreported\./,
    'namespaces=a': /parameters are namespace, netexporter, limit, after, node, state/,
    'node=a&node=b': /node is given twice/,
    'after=x': /after must be the value of next/,
    'after=eyJhIjoxfQ': /after must be the value of next/,
    [`node=${'a'.repeat(5000)}`]: /too long/,
  };
  for (const [query, pattern] of Object.entries(wrong)) {
    const answer = await get(`/api/v1/links?${query}`);
    assert.equal(answer.status, 400, query);
    assert.match(errorIn(answer), pattern);
  }
  assert.match(errorIn(await get('/api/v1/report.txt?limit=3')), /parameters are namespace, netexporter\./);
});

/** All rows of a list, page by page. */
async function allOf(get: (path: string) => Promise<ApiAnswer>, list: string, query: string): Promise<object[]> {
  const rows: object[] = [];
  for (let after = ''; ; ) {
    const { items, next } = JSON.parse((await get(`/api/v1/${list}?${query}${after}`)).body);
    rows.push(...items);
    if (next === undefined) return rows;
    after = `&after=${next}`;
  }
}

test('pages of any size have every row once, in the same order, also of several NetExporters', async () => {
  const operator = await new JudgedOperator().run(60);
  const others = ['another', 'zz'].map((name) => netExporter(undefined, name));
  const source = sourceOf(operator);
  const fleetOf: ApiSource['fleetOf'] = () => source.fleetOf('monitoring/default');
  const { get } = await serveApi({ ...source, resources: () => [...others, ...source.resources()], fleetOf });
  for (const list of ['status', 'nodes', 'links', 'zones', 'dns']) {
    const whole = await allOf(get, list, 'limit=500');
    assert.ok(whole.length >= 3, list);
    const [first, last] = [whole[0], whole.at(-1)] as { netexporter: string }[];
    assert.deepEqual([first?.netexporter, last?.netexporter], ['another', 'zz']);
    for (const limit of [1, 7, 100])
      if (whole.length < 100 || limit > 1) assert.deepEqual(await allOf(get, list, `limit=${limit}`), whole, list);
  }
});

test('a page goes on where the last one ended, although rows before it have come and gone', async () => {
  const operator = await new JudgedOperator().run(30);
  const { get } = await serveApi(sourceOf(operator), { clock: operator.clock });
  const nodesIn = ({ body }: ApiAnswer) => JSON.parse(body).items.map(({ node }: { node: string }) => node);
  const first = await get('/api/v1/nodes?limit=4');
  assert.deepEqual(nodesIn(first), ['n1', 'n10', 'n11', 'n12']);
  for (const gone of ['p1', 'p12']) operator.pods.delete(gone);
  operator.fleet.replan('monitoring/default');
  await operator.run(10);
  const { next } = JSON.parse(first.body);
  assert.deepEqual(nodesIn(await get(`/api/v1/nodes?limit=2&after=${next}`)), ['n2', 'n3']);
});

test('filters choose NetExporters, nodes and states', async () => {
  const operator = await new JudgedOperator().run(150, (from, { node }) => from === 'n3' || node === 'n3');
  const { get } = await serveApi(sourceOf(operator));
  const count = async (path: string) => JSON.parse((await get(`/api/v1/${path}`)).body).items.length;
  assert.equal(await count('nodes?namespace=monitoring&netexporter=default'), 12);
  assert.equal(await count('nodes?namespace=other'), 0);
  assert.equal(await count('events?netexporter=other'), 0);
  assert.equal(await count('nodes?node=n7'), 1);
  assert.equal(await count('nodes?node=nowhere'), 0);
  assert.equal(await count('links?node=nowhere'), 0);
  const links = JSON.parse((await get('/api/v1/links?node=n3&state=failing')).body).items;
  assert.ok(links.length > 5);
  for (const { from, to, state } of links) assert.ok((from === 'n3' || to === 'n3') && state === 'failing');
  assert.equal(await count('zones?state=unprobed'), 0);
});
