import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, agentsOf, getJson, hostOf, metricsOf } from './agents.ts';
import { operatorRequests, writesIn } from './audit-log.ts';
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

const namespace = 'e2e-api-server';
const name = 'away';
/** How long the API server is away, and how long nothing may be written where nothing changes. Milliseconds. */
const awayMs = 20_000;
const restMs = 60_000;
/** Within which the operator has to have caught up. Seconds. */
const promisedSeconds = 10;
/** Of both operators together in those seconds: each lists and watches a handful of kinds and looks at the Lease. */
const mostRequests = 200;
let env: Environment;
let agents: Agent[];

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  agents = await readyNetExporter(env, namespace, name, { network: quick });
});

after(async () => {
  await env.cluster.startComponent('apiserver');
  await removeNamespace(env.kubectl, namespace);
});

/** How many dials each agent has made, by node. */
async function dials(): Promise<Map<string, number>> {
  const counts = await Promise.all(
    agents.map(async (agent) => [agent.node, (await metricsOf(agent)).sum('network_latency_seconds_count')] as const),
  );
  return new Map(counts);
}

test('the API server is away for 20 s: agents go on, and the operator catches up within 10 s without a storm', async (t) => {
  tellOnFailure(t, env, namespace);
  const earlier = await dials();
  await env.cluster.stopComponent('apiserver');
  await sleep(awayMs);
  const later = await dials();
  // One peer or more a second; the half of it leaves room for a slow machine.
  for (const [node, count] of later) assert.ok(count >= earlier.get(node)! + awayMs / 2000, `dials of ${node}`);

  await env.cluster.startComponent('apiserver');
  const returnedAt = Date.now();
  const host = 'after-the-return.example.com.';
  const patch = JSON.stringify({ spec: { dns: { hosts: [host] } } });
  await env.kubectl(['patch', 'nx', '-n', namespace, name, '--type=merge', '-p', patch]);
  await waitFor(
    "the edit in the agents' settings",
    async () => {
      const args = ['configmap', '-n', namespace, `${name}-agent`];
      const { data } = await getJson<{ data: Record<string, string> }>(env.kubectl, args);
      return data['settings.json']?.includes(host);
    },
    { timeout: deadline, interval: 100 },
  );
  const tookSeconds = (Date.now() - returnedAt) / 1000;
  const end = returnedAt + promisedSeconds * 1000;
  await sleep(Math.max(0, end - Date.now()));
  const requests = await operatorRequests(env.cluster.auditLog, returnedAt, end);
  t.diagnostic(`an edit was reconciled ${tookSeconds} s after the return; ${requests.length} requests in 10 s`);
  assert.ok(tookSeconds < promisedSeconds, `an edit was reconciled after ${tookSeconds} s`);
  assert.ok(requests.length > 0 && requests.length <= mostRequests, `${requests.length} requests in 10 s`);
  const now = await agentsOf(env.kubectl, namespace, name);
  assert.deepEqual(
    now.map((agent) => `${hostOf(agent)} ${agent.uid} ${agent.restarts}`),
    agents.map((agent) => `${hostOf(agent)} ${agent.uid} ${agent.restarts}`),
  );
});

test('where nothing changes the operator writes nothing for a minute but its Lease', async (t) => {
  tellOnFailure(t, env, namespace);
  const { auditLog } = env.cluster;
  await waitFor(
    'five seconds without a write',
    async () => writesIn(await operatorRequests(auditLog, Date.now() - 5000, Date.now())).length === 0,
    { timeout: deadline, interval: 1000 },
  );
  const from = Date.now();
  await sleep(restMs);
  const requests = await operatorRequests(auditLog, from, from + restMs);
  assert.deepEqual(writesIn(requests), []);
  const renewals = requests.filter(({ verb, objectRef }) => verb === 'patch' && objectRef?.resource === 'leases');
  assert.ok(renewals.length > 0, 'the Lease is renewed: the audit log tells of the operator');
});
