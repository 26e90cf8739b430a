import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { get } from 'node:https';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { waitFor } from '../cluster/wait.ts';
import { ClusterApi } from '../faults/cluster-api.ts';
import { type Agent, agentsOf, hostOf, metricsOf } from './agents.ts';
import { processesOf } from './container-process.ts';
import {
  deadline,
  type Environment,
  environment,
  inEffect,
  operatorNamespace,
  quick,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
  waitForSync,
} from './environment.ts';

const namespace = 'e2e-sync';
const name = 'synced';
const path = `/apis/net-exporter.dev/v1alpha1/namespaces/${namespace}/netexporters/${name}`;
const own = `/api/v1/namespaces/${operatorNamespace}`;
const secretPath = `${own}/secrets/net-exporter-operator-sync`;
const edits = 20;
/** Of the time that an edit takes to be in effect on the slowest of the agents; the benchmark holds it to 2 s. */
const slowestEditSeconds = 10;
const host = 'kubernetes.default.svc.cluster.local.';

let env: Environment;
let api: ClusterApi;
let agents: Agent[];

before(async () => {
  env = await environment();
  api = await ClusterApi.of(env.cluster.kubeconfig);
  await restrictedNamespace(env.kubectl, namespace);
  agents = await readyNetExporter(env, namespace, name, { dns: { ...quick, hosts: [host] }, network: quick });
  await waitForSync(env.kubectl, namespace, name, agents.length);
});

after(async () => {
  await removeNamespace(env.kubectl, namespace);
  api.close();
});

/** Changes the spec. @returns the new generation */
async function edit(spec: object): Promise<number> {
  return (await api.patch(path, 'merge', { spec })).metadata.generation!;
}

const identities = (of: Agent[]) => of.map(({ uid, restarts }) => ({ uid, restarts }));

test('each peer is known by its node, since the operator says who probes whom', async (t) => {
  tellOnFailure(t, env, namespace);
  for (const agent of agents)
    for (const peer of agents.filter((other) => other !== agent))
      await waitFor(
        `probes of ${peer.pod} by ${agent.pod}`,
        async () => {
          const labels = { host: hostOf(peer), peer_node: peer.node };
          return (await metricsOf(agent)).find('network_latency_seconds_count', labels).length === 1;
        },
        { timeout: deadline },
      );
});

test('an edit is in effect on every agent within seconds, and no pod is restarted', async (t) => {
  tellOnFailure(t, env, namespace);
  const seconds: number[] = [];
  for (let number = 1; number <= edits; number++) {
    const spec = [
      { dns: { hosts: [host, `edit-${number}.example.`] } },
      { network: { peersPerAgent: number % 2 === 0 ? 1 : 10 } },
      { dns: { interval: `${1 + (number % 3)}s` }, network: { interval: `${1 + (number % 4)}s` } },
    ][number % 3]!;
    const from = performance.now();
    const generation = await edit(spec);
    const times = await Promise.all(agents.map((agent) => inEffect(agent, generation)));
    seconds.push(...times.map((time) => (time - from) / 1000));
  }
  seconds.sort((a, b) => a - b);
  const p50 = seconds[Math.floor(seconds.length / 2)]!;
  const p99 = seconds[Math.ceil(seconds.length * 0.99) - 1]!;
  t.diagnostic(`${edits} edits on ${agents.length} agents: p50 ${p50.toFixed(2)} s, p99 ${p99.toFixed(2)} s`);
  assert.ok(p99 < slowestEditSeconds, `p99 was ${p99} s`);
  const last = `edit-${edits - (edits % 3)}.example.`;
  for (const agent of agents)
    assert.ok((await metricsOf(agent)).find('dns_latency_seconds_count', { host: last }).length > 0, last);
  await edit({ dns: { ...quick, hosts: [host] }, network: { ...quick, peersPerAgent: 10 } });
  await waitForSync(env.kubectl, namespace, name, agents.length);
  assert.deepEqual(identities(await agentsOf(env.kubectl, namespace, name)), identities(agents));
});

test('the token by which the operator knows an agent is worth nothing at the API server', async () => {
  const [agent] = agents as [Agent];
  const [pid] = await processesOf(env.cluster, namespace, agent.pod, 'agent');
  const token = (await readFile(`/proc/${pid}/root/var/run/secrets/net-exporter/token`, 'utf8')).trim();
  assert.match(token, /^ey[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.equal(await statusFor(token), 401);
  const accepted = ['create', 'token', `${name}-agent`, '-n', namespace];
  // The same agent's token, but made for the API server: what is refused above is the audience.
  assert.notEqual(await statusFor((await env.kubectl(accepted)).trim()), 401);
});

/** What the API server answers to who shows this token. */
function statusFor(token: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { ca: api.authority, headers: { authorization: `Bearer ${token}` }, agent: false, timeout: 10_000 };
    get(`${api.origin}/api`, options, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject);
  });
}

test('with its Secret broken or deleted the operator makes it again, and agents go on as before', async (t) => {
  tellOnFailure(t, env, namespace);
  const { metadata, data } = await api.get(secretPath);
  await api.patch(secretPath, 'merge', { data: { 'tls.key': '', 'ca.crt': 'bm90aGluZw==' } });
  await waitFor('the Secret as it was', async () => isDeepStrictEqual((await api.get(secretPath)).data, data), {
    timeout: deadline,
  });
  await api.delete(secretPath);
  await waitFor('another Secret', async () => (await api.get(secretPath)).metadata.uid !== metadata.uid, {
    timeout: deadline,
  });
  const generation = await edit({ dns: { interval: '2s' } });
  await Promise.all(agents.map((agent) => inEffect(agent, generation)));
  await waitForSync(env.kubectl, namespace, name, agents.length);
});
