import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { formatHostPort } from '../../src/base/host-port.ts';
import { serverBuckets } from '../../src/contract/metrics/latency-buckets.ts';
import { operatorPort } from '../../src/contract/operator-names.ts';
import { ensureBinaries } from '../cluster/binaries.ts';
import { waitFor } from '../cluster/wait.ts';
import { graphUrl } from '../demo/closing-lines.ts';
import { type Agent, conditionStatus, getNetExporter, hostOf } from './agents.ts';
import { documentedQueries, netExporterQueries } from './documented-queries.ts';
import { deadline, type Environment, environment, minorVersion, tellOnFailure, waitForAgents } from './environment.ts';
import { missingSeries } from './expected-series.ts';
import { applySample } from './installation.ts';
import { operatorsOf } from './operators.ts';

let env: Environment;
let agents: Agent[];

before(async () => {
  env = await environment();
});

test('the sample puts a ready agent on every node, and the status says so', async (t) => {
  tellOnFailure(t, env, 'monitoring');
  await applySample(env.kubectl);
  agents = await waitForAgents(env.kubectl, 'monitoring', 'default', env.cluster.nodes.length);
  assert.deepEqual(
    agents.map(({ node }) => node),
    env.cluster.nodes.map(({ name }) => name).sort(),
  );
  const object = await getNetExporter(env.kubectl, 'monitoring', 'default');
  assert.equal(object.status?.observedGeneration, object.metadata.generation);
  assert.equal(conditionStatus(object, 'Ready'), 'True');
  assert.equal(conditionStatus(object, 'Reconciling'), 'False');
  assert.equal(conditionStatus(object, 'Stalled'), 'False');
  assert.equal(object.status?.agents.summary, `${agents.length}/${agents.length}`);
  for (const condition of object.status?.conditions ?? [])
    assert.equal(condition.observedGeneration, object.metadata.generation, condition.type);
});

test('kubectl get nx shows readiness and agents', async () => {
  const table = (await env.kubectl(['get', 'nx', '-n', 'monitoring', 'default'])).split('\n');
  assert.match(table[0] ?? '', /^NAME\s+READY\s+AGENTS\s+DNS\s+NETWORK\s+SUSPECTS\s+AGE/);
  assert.match(table[1] ?? '', new RegExp(`^default\\s+True\\s+${agents.length}/${agents.length}\\s`));
});

test('Prometheus holds latencies of every host and peer from every agent, and errors at zero', async (t) => {
  tellOnFailure(t, env, 'monitoring');
  const { spec } = await getNetExporter(env.kubectl, 'monitoring', 'default');
  assert.equal(spec.dns.hosts.length, 2);
  await waitFor(
    'series of every agent in Prometheus',
    async () => {
      const expected = { namespace: 'monitoring', name: 'default', agents, spec };
      const missing = await missingSeries(env.prometheus, expected);
      if (missing.length > 0) throw new Error(missing.join('\n'));
      return true;
    },
    { timeout: deadline, interval: 1000 },
  );
});

test('each agent is scraped once, and carries its node', async () => {
  // Prometheus may learn of an agent's address before it learns of its node; what it held of it until then goes.
  await scraped('node', (agent) => agent.node);
});

test('each agent carries its zone', async (t) => {
  if ((await minorVersion(env.kubectl)) < 35)
    return t.skip('Kubernetes copies the zone from the node to its pods since 1.35');
  await scraped('zone', (agent) => env.cluster.nodes.find(({ name }) => name === agent.node)!.zone);
});

/** Waits until Prometheus has one target for each agent, with that label. */
async function scraped(label: string, labelOf: (agent: Agent) => string): Promise<void> {
  const expected = agents.map((agent) => `${hostOf(agent)} ${labelOf(agent)}`).sort();
  await waitFor(
    `one target for each agent, with its ${label}`,
    async () => {
      const up = await env.prometheus.query('up{job="net-exporter",namespace="monitoring",netexporter="default"}');
      assert.deepEqual(up.map(({ labels }) => `${labels.instance} ${labels[label]}`).sort(), expected);
      return true;
    },
    { timeout: deadline, interval: 1000 },
  );
}

test('what agents and operators serve is compressed, bounded, and as promtool would write it', async () => {
  const promtool = join((await ensureBinaries(() => {})).directory, 'promtool');
  const checked = async (host: string) => {
    const response = await fetch(`http://${host}/metrics`, { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(response.headers.get('content-encoding'), 'gzip');
    const input = await response.text();
    const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], { input, encoding: 'utf8' });
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
    return input;
  };
  const operators = await operatorsOf(env);
  assert.ok(operators.length > 0);
  for (const { ip } of operators) await checked(formatHostPort(ip, operatorPort));
  for (const agent of agents) {
    const input = await checked(hostOf(agent));
    const series = input.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
    assert.ok(series > 100 && series <= 550, `${series} series`);
  }
});

test("the queries of net-exporter's README work unchanged", async () => {
  const hosts = {
    dns_latency_seconds: ['example.com.', 'kubernetes.default.svc.cluster.local.'],
    network_latency_seconds: agents.map(hostOf),
  };
  for (const query of netExporterQueries) {
    const measured = Object.entries(hosts).find(([metric]) => query.includes(metric))![1];
    const isRate = (value: number) => value > 0;
    const isLatency = (value: number) => value > 0 && value < 5;
    const isGood = query.startsWith('histogram_quantile') ? isLatency : isRate;
    await waitFor(
      query,
      async () => {
        const samples = (await env.prometheus.query(query)).filter(({ labels: { le = '+Inf' } }) => le === '+Inf');
        return measured.every((host) => samples.some(({ labels, value }) => labels.host === host && isGood(value)));
      },
      { timeout: deadline, interval: 1000 },
    );
  }
});

test('Prometheus 3 accepts every query of the documentation, and knows each edge of a histogram', async () => {
  assert.match(await env.prometheus.version(), /^3\./);
  for (const query of documentedQueries()) await env.prometheus.query(query);
  const edges = await env.prometheus.query('count by (le) (dns_latency_seconds_bucket)');
  const numbers = edges.map(({ labels }) => Number(labels.le!.replace('+Inf', 'Infinity')));
  assert.deepEqual(
    numbers.sort((a, b) => a - b),
    [...serverBuckets, Number.POSITIVE_INFINITY],
  );
});

test('Prometheus shows its page for a query', async () => {
  const response = await fetch(graphUrl(env.prometheus.url, 'up'));
  assert.equal(response.status, 200);
  const page = await response.text();
  const scripts = [...page.matchAll(/<script[^>]* src="([^"]+)"/g)].map(([, src]) => new URL(src!, response.url));
  assert.ok(scripts.length > 0, page);
  for (const script of scripts) assert.match((await fetch(script)).headers.get('content-type') ?? '', /javascript/);
});
