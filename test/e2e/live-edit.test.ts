import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, agentsOf, metricsOf } from './agents.ts';
import {
  deadline,
  type Environment,
  environment,
  quick,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';

const namespace = 'e2e-live-edit';
const kept = 'kubernetes.default.svc.cluster.local.';
const removed = 'example.com.';
const added = 'kube-dns.kube-system.svc.cluster.local.';
let env: Environment;
let agents: Agent[];

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  agents = await readyNetExporter(env, namespace, 'edited', {
    dns: { ...quick, hosts: [kept, removed] },
    network: quick,
  });
});

after(() => removeNamespace(env.kubectl, namespace));

test('an edit of the hosts is in effect on every agent without a restart, and the removed host is gone', async (t) => {
  tellOnFailure(t, env, namespace);
  const lookups = async (agent: Agent, host: string) =>
    (await metricsOf(agent)).sum('dns_latency_seconds_count', { host });
  const before = new Map<Agent, number>();
  for (const agent of agents) {
    await waitFor(`lookups of ${removed}`, async () => (await lookups(agent, removed)) > 0, { timeout: deadline });
    before.set(agent, await lookups(agent, kept));
  }

  const patch = JSON.stringify({ spec: { dns: { hosts: [kept, added] } } });
  await env.kubectl(['patch', 'nx', '-n', namespace, 'edited', '--type=merge', '-p', patch]);

  for (const agent of agents) {
    await waitFor(`lookups of ${added} by ${agent.pod}`, async () => (await lookups(agent, added)) > 0, {
      timeout: deadline,
    });
    const metrics = await metricsOf(agent);
    for (const name of ['dns_latency_seconds_count', 'dns_latency_seconds_bucket', 'dns_resolve_error_total'])
      assert.deepEqual(metrics.find(name, { host: removed }), [], name);
    assert.ok((await lookups(agent, kept)) >= (before.get(agent) ?? 0), 'an unchanged host keeps its counters');
    assert.equal(metrics.sum('dns_error_total'), 0, "a lookup that the edit ended is nobody's fault");
  }
  const identity = ({ uid, restarts }: Agent) => ({ uid, restarts });
  const now = await agentsOf(env.kubectl, namespace, 'edited');
  assert.deepEqual(now.map(identity), agents.map(identity));

  await waitFor(
    'the removed host to leave Prometheus',
    async () =>
      (await env.prometheus.query(`dns_latency_seconds_count{namespace="${namespace}",host="${removed}"}`)).length ===
      0,
    { timeout: deadline, interval: 1000 },
  );
});

test('switching a collector off ends its series, and on again brings them back', async (t) => {
  tellOnFailure(t, env, namespace);
  const [agent] = agents as [Agent];
  for (const enabled of [false, true]) {
    const patch = JSON.stringify({ spec: { network: { enabled } } });
    await env.kubectl(['patch', 'nx', '-n', namespace, 'edited', '--type=merge', '-p', patch]);
    await waitFor(
      `network.enabled: ${enabled}`,
      async () => (await metricsOf(agent)).find('network_latency_seconds_count').length > 0 === enabled,
      { timeout: deadline },
    );
  }
});
