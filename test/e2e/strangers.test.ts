import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { operatorPort } from '../../src/contract/operator-names.ts';
import { waitFor } from '../cluster/wait.ts';
import { ClusterApi } from '../faults/cluster-api.ts';
import { borrowed, Stranger } from '../faults/stranger.ts';
import { getJson, type NetExporterObject } from './agents.ts';
import {
  apply,
  deadline,
  type Environment,
  editIsReconciled,
  environment,
  netExporter,
  operatorNamespace,
  removeNamespace,
  tellOnFailure,
} from './environment.ts';
import { leaseOf, operatorsOf } from './operators.ts';

const namespace = 'e2e-neighbor';
const strangers = 'e2e-strangers';
const name = 'neighbor';
/** Connections for watches, and how many Services one leader watches. */
const services = 70;
/** Of 900 kB: more than one response may hold, and, if half of them were kept, a good part of the heap. */
const largeObjects = 160;

let env: Environment;
let api: ClusterApi;
let stranger: Stranger;

before(async () => {
  env = await environment();
  api = await ClusterApi.of(env.cluster.kubeconfig);
  stranger = new Stranger(api, strangers);
  await stranger.arrive();
  await env.kubectl(['create', 'namespace', namespace]);
  // On no node: what is looked at is the operator's work, not the agents'.
  await apply(
    env.kubectl,
    netExporter(namespace, name, { agent: { nodeSelector: { 'net-exporter.dev/nowhere': '' } } }),
  );
  await editIsReconciled(env.kubectl, namespace, name);
});

after(async () => {
  await stranger.leave();
  api.close();
  for (const each of [namespace, strangers]) await removeNamespace(env.kubectl, each);
});

/** Waits until a stranger's NetExporter has a condition that says this. */
async function says(object: string, type: string, message: RegExp): Promise<void> {
  await waitFor(
    `${type} of ${object}: ${message}`,
    async () => {
      const { status } = await getJson<NetExporterObject>(env.kubectl, ['nx', '-n', strangers, object]);
      const condition = status?.conditions.find((each) => each.type === type);
      if (!message.test(condition?.message ?? '')) throw new Error(JSON.stringify(status));
      return true;
    },
    { timeout: deadline, interval: 500 },
  );
}

test('with a stranger’s many Services, odd affinities, borrowed account and idle connections, an edit of others is reconciled', async (t) => {
  tellOnFailure(t, env, strangers);
  const http = (await operatorsOf(env)).map(({ ip }) => ({ host: ip, port: operatorPort }));
  const listeners = { http, sync: undefined };
  await stranger.commit({ kind: 'connections', count: 300 }, listeners);
  await stranger.commit({ kind: 'services', count: services }, listeners);
  const terms = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: 5 }] } };
  await stranger.commit({ kind: 'affinity', affinity: { nodeAffinity: terms } }, listeners);
  await stranger.commit({ kind: 'account' }, listeners);
  await editIsReconciled(env.kubectl, namespace, name);
  await says(`affinity-${services}`, 'Stalled', /matchExpressions/);
  await says(`${borrowed}-${services + 1}`, 'Stalled', new RegExp(`ServiceAccount ${borrowed}-${services + 1}-agent`));
  assert.deepEqual(await stranger.gains(), []);
});

test('with large objects that bear the operator’s label, operators that start list them and reconcile', async (t) => {
  tellOnFailure(t, env, strangers);
  await stranger.commit({ kind: 'large-objects', count: largeObjects }, { http: [], sync: undefined });
  await editIsReconciled(env.kubectl, namespace, name);
  // Those that run have seen the objects come one by one; the next ones list all of them.
  const former = (await operatorsOf(env)).map(({ name }) => name);
  await env.kubectl(['delete', 'pod', '-n', operatorNamespace, ...former]);
  await waitFor('another leader', async () => !former.includes((await leaseOf(env)).pod), { timeout: deadline });
  await editIsReconciled(env.kubectl, namespace, name);
  const restarts = await env.kubectl([
    ...['get', 'pods', '-n', operatorNamespace, '-o', 'jsonpath={.items[*].status.containerStatuses[*].restartCount}'],
  ]);
  assert.match(restarts, /^0( 0)*$/, 'an operator restarted');
});
