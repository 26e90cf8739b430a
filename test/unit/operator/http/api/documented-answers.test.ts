import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Errors } from 'typebox/schema';
import { schemaName } from '../../../../../src/contract/api/openapi.ts';
import { reportPath } from '../../../../../src/contract/api/routes.ts';
import { agentStates, type ListName, listNames, type Row } from '../../../../../src/contract/api/rows.ts';
import type { ApiSource } from '../../../../../src/operator/http/api/api-source.ts';
import { targetStates } from '../../../../../src/operator/plan/target-states.ts';
import { JudgedOperator } from '../../judge/judged-operator.ts';
import { netExporter } from '../../net-exporter-builder.ts';
import { emptySource, serveApi, sourceOf, withStatus } from './api-rig.ts';

const root = join(import.meta.dirname, '../../../../..');
const document = JSON.parse(readFileSync(join(root, 'docs/openapi.json'), 'utf8'));

/** A schema that allows no field but its own. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const fields = Object.fromEntries(Object.entries(schema).map(([name, part]) => [name, closed(part)]));
  return 'properties' in schema ? { ...fields, additionalProperties: false } : fields;
}

/** The answer of each list, each of which has to be as documented. */
async function answersOf(source: ApiSource): Promise<{ [Name in ListName]: Row<Name>[] }> {
  const { get } = await serveApi(source);
  const answers = {} as Record<ListName, unknown[]>;
  for (const name of listNames) {
    const { status, headers, body } = await get(`/api/v1/${name}?limit=500`);
    assert.equal(status, 200, body);
    assert.equal(headers['content-type'], 'application/json; charset=utf-8');
    const answer = JSON.parse(body);
    const [, errors] = Errors(closed(document.components.schemas[schemaName(name)]) as object, answer);
    assert.deepEqual(errors, [], name);
    answers[name] = answer.items;
  }
  const report = await get(reportPath);
  assert.equal(report.status, 200);
  assert.equal(report.headers['content-type'], 'text/plain; charset=utf-8');
  for (const line of report.body.split('\n')) assert.ok([...line].length <= 100, line);
  return answers as { [Name in ListName]: Row<Name>[] };
}

/** Of the link from n3 to its first peer, both ends with others. */
const deadNode = (from: string, target: { node: string }) => from === 'n3' || target.node === 'n3';

test('the document names every route, and no other', async () => {
  const paths = [...listNames.map((name) => `/api/v1/${name}`), reportPath];
  assert.deepEqual(Object.keys(document.paths).sort(), paths.sort());
  const { get } = await serveApi(emptySource);
  const { status, body } = await get('/api/v1/pods');
  assert.equal(status, 404);
  assert.match(body, /There is no \/api\/v1\/pods\. The paths are \/api\/v1\/status,/);
});

test('the states of agents are those that the plan knows', () => {
  assert.deepEqual([...agentStates].sort(), Object.keys(targetStates).sort());
});

test('without a NetExporter the lists are empty', async () => {
  const answers = await answersOf(emptySource);
  for (const name of listNames) assert.deepEqual(answers[name], [], name);
});

test('before the first judgement, the agents are there, and nothing is known of links', async () => {
  const { status, nodes, links, zones, dns, suspects } = await answersOf(sourceOf(new JudgedOperator()));
  assert.equal(status[0]?.judgement, undefined);
  assert.equal(status[0]?.agents.states.serving, 12);
  assert.match(status[0]!.verdict[0]!, /^The operator waits for the first reports/);
  assert.equal(nodes.length, 12);
  assert.deepEqual([nodes[0]?.agent?.reporting, nodes[0]?.agent?.lacks], [false, 'no request yet']);
  assert.ok(links.length > 50 && links.every(({ state }) => state === 'unreported'));
  assert.ok(zones.length === 9 && zones.every(({ state }) => state === 'unreported'));
  assert.deepEqual([dns, suspects], [[], []]);
});

test('a fleet that is well: all links and lookups are ok, with latencies, and the verdict says so', async () => {
  const operator = await new JudgedOperator().run(150);
  const { status, nodes, links, zones, dns, suspects, events } = await answersOf(sourceOf(operator));
  assert.deepEqual(suspects, []);
  assert.deepEqual(events, []);
  assert.equal(status[0]?.suspectSummary, 'none');
  assert.deepEqual(status[0]?.verdict, [
    'The reports of the last 2m show no fault of a DNS server or of a name of the cluster.',
    'The reports of the last 2m show no fault of a node, link, Service path or zone.',
  ]);
  const { judgement } = status[0]!;
  assert.deepEqual([judgement?.windowSeconds, judgement?.filledSeconds], [120, 120]);
  assert.deepEqual(judgement?.network.links, { ok: links.length, slow: 0, failing: 0, unreported: 0 });
  assert.ok(links.every(({ state, attempts, bad, p50 }) => state === 'ok' && attempts > 0 && bad === 0 && p50));
  assert.ok(nodes.every(({ agent, ready }) => ready && agent?.reporting && agent.lacks === undefined));
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
  for (const direction of ['out', 'in'] as const)
    assert.equal(sum(nodes.map((node) => node[direction].links.ok)), links.length, direction);
  assert.equal(sum(zones.map((zone) => zone.links.ok)), links.length);
  assert.ok(zones.every(({ state, p99 }) => state === 'ok' && p99 !== undefined));
  assert.deepEqual(
    dns.map(({ server, pod, node, state, agents }) => [server, pod, node, state, agents > 0]),
    [
      ['10.1.0.1:53', 'coredns-1', 'n1', 'ok', true],
      ['10.1.0.2:53', 'coredns-2', 'n2', 'ok', true],
      ['10.96.0.10:53', undefined, undefined, 'ok', true],
    ],
  );
});

test('a dead node: suspect, Event, verdict and status have one sentence, and its links fail', async () => {
  const operator = await (await new JudgedOperator().run(150)).run(90, deadNode);
  const source = sourceOf(operator);
  const { status, nodes, links, zones, suspects, events } = await answersOf(source);
  const [suspect] = suspects;
  assert.deepEqual([suspects.length, suspect?.kind, suspect?.name, suspect?.rank], [1, 'Node', 'n3', 1]);
  const stored = withStatus(operator).status!;
  assert.equal(suspect?.evidence, stored.suspects?.[0]?.evidence);
  assert.equal(suspect?.since, stored.suspects?.[0]?.since);
  assert.equal(status[0]?.verdict[0], suspect?.evidence);
  assert.match(stored.conditions!.find(({ type }) => type === 'NetworkHealthy')!.message, /^1 suspect in the reports/);
  assert.deepEqual(
    events.map(({ reason, note }) => [reason, note]),
    operator.suspects.map(({ evidence }) => ['SuspectFound', evidence]),
  );
  assert.match(suspect!.runbook, /\/docs\/judgement\.md#node$/);
  assert.equal(status[0]?.suspectSummary, 'Node n3');
  const failing = links.filter(({ state }) => state === 'failing');
  assert.ok(failing.length > 0 && failing.every(({ from, to, bad }) => (from === 'n3' || to === 'n3') && bad > 0));
  assert.equal(failing.length, status[0]?.judgement?.network.links.failing);
  const row = nodes.find(({ node }) => node === 'n3');
  assert.ok(row!.in.links.failing > 0 && row!.in.links.ok === 0);
  assert.ok(zones.some(({ state }) => state === 'failing'));
});

test('a DNS server that does not answer fails for every name, with the reason', async () => {
  const operator = await new JudgedOperator().run(150, (_from, { server }) => server === '10.1.0.1:53');
  const { dns, suspects } = await answersOf(sourceOf(operator));
  const cell = dns.find(({ server }) => server === '10.1.0.1:53');
  assert.deepEqual([cell?.state, cell?.reason, cell?.bad], ['failing', 'timeout', cell?.attempts]);
  assert.deepEqual([cell?.badAgents, cell?.agents], [12, 12]);
  assert.deepEqual(
    suspects.map(({ kind, name }) => [kind, name]),
    [['DNSServer', '10.1.0.1:53']],
  );
});

test('agents that do not call, and nodes that are gone or have no zone', async () => {
  const operator = new JudgedOperator();
  operator.silent.add('n4');
  operator.nodes.set('n5', { ...operator.nodes.get('n5')!, zone: '', ready: false });
  await operator.run(150);
  operator.nodes.delete('n6');
  const { nodes, links, zones } = await answersOf(sourceOf(operator));
  const row = (name: string) => nodes.find(({ node }) => node === name)!;
  assert.deepEqual([row('n4').agent?.reporting, row('n4').agent?.lacks], [false, 'no request yet']);
  assert.ok(links.filter(({ from }) => from === 'n4').every(({ state }) => state === 'unreported'));
  assert.deepEqual([row('n5').zone, row('n5').ready], ['', false]);
  assert.equal(row('n6').ready, undefined);
  assert.ok(zones.some(({ from, to }) => from === '' && to === 'z1'));
});

test('where the network is not probed, there is no link and the judgement says why', async () => {
  const disabled = netExporter((spec) => {
    spec.network.enabled = false;
  });
  const operator = await new JudgedOperator(disabled).run(150);
  const { status, links, zones, dns } = await answersOf(sourceOf(operator));
  assert.equal(status[0]?.judgement?.network.unknown, 'Disabled');
  assert.deepEqual(links, []);
  assert.ok(zones.every(({ state }) => state === 'unprobed'));
  assert.ok(dns.length > 0);
});
