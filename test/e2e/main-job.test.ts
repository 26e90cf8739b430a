import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { before, test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, conditionStatus, getNetExporter, hostOf } from './agents.ts';
import { deadline, type Environment, environment, tellOnFailure, waitForAgents } from './environment.ts';
import { missingSeries } from './expected-series.ts';
import { applySample } from './installation.ts';

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
  assert.match(table[0] ?? '', /^NAME\s+READY\s+AGENTS\s+AGE/);
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

test('each agent is scraped once, and carries its node and zone', async () => {
  const zoneOf = (agent: Agent) => env.cluster.nodes.find(({ name }) => name === agent.node)?.zone;
  const expected = agents.map((agent) => [agent.node, zoneOf(agent), hostOf(agent)]);
  // Prometheus may learn of an agent's address before it learns of its node; what it held of it until then goes.
  await waitFor(
    'one target for each agent',
    async () => {
      const up = await env.prometheus.query('up{job="net-exporter",namespace="monitoring",netexporter="default"}');
      assert.deepEqual(up.map(({ labels }) => [labels.node, labels.zone, labels.instance]).sort(), expected);
      return true;
    },
    { timeout: deadline, interval: 1000 },
  );
});

test('what an agent serves is compressed, bounded, and as promtool would write it', async () => {
  for (const agent of agents) {
    const response = await fetch(`http://${hostOf(agent)}/metrics`, { headers: { 'Accept-Encoding': 'gzip' } });
    assert.equal(response.headers.get('content-encoding'), 'gzip');
    const input = await response.text();
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
    const series = input.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
    assert.ok(series > 100 && series <= 550, `${series} series`);
  }
});

test("the queries of net-exporter's README work unchanged", async () => {
  for (const [metric, hosts] of [
    ['dns_latency_seconds', ['example.com.', 'kubernetes.default.svc.cluster.local.']],
    ['network_latency_seconds', agents.map(hostOf)],
  ] as const) {
    const query = `sum by (host, le) (rate(${metric}_bucket[1m]))`;
    await waitFor(
      query,
      async () => {
        const samples = await env.prometheus.query(query);
        const all = samples.filter(({ labels, value }) => labels.le === '+Inf' && value > 0);
        return hosts.every((host) => all.some(({ labels }) => labels.host === host));
      },
      { timeout: deadline, interval: 1000 },
    );
    const quantiles = await env.prometheus.query(`histogram_quantile(0.9, ${query})`);
    for (const host of hosts) {
      const value = quantiles.find(({ labels }) => labels.host === host)?.value;
      assert.ok(value !== undefined && value > 0 && value < 5, `${metric} of ${host}: ${value}`);
    }
  }
});
