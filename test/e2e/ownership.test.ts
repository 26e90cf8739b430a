import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { agentsOf, conditionStatus, getJson, getNetExporter, hostOf, metricsOf } from './agents.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  netExporter,
  quick,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';

const namespace = 'e2e-ownership';
const spec = { dns: quick, network: quick };
let env: Environment;

interface Child {
  kind: string;
  metadata: { name: string; uid: string; resourceVersion: string; ownerReferences?: { uid: string }[] };
}

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
});

after(() => removeNamespace(env.kubectl, namespace));

/** Everything that belongs to a NetExporter, as `Kind/name`, the pods aside. */
async function childrenOf(name: string): Promise<Map<string, Child>> {
  const kinds = 'daemonsets,services,configmaps,serviceaccounts,networkpolicies';
  const { items } = await getJson<{ items: Child[] }>(env.kubectl, [
    ...[kinds, '-n', namespace, '-l', `app.kubernetes.io/instance=${name}`],
  ]);
  return new Map(items.map((child) => [`${child.kind}/${child.metadata.name}`, child]));
}

test('a deleted child comes back, and an edited one is what was declared again', async (t) => {
  tellOnFailure(t, env, namespace);
  await readyNetExporter(env, namespace, 'drift', spec);
  const children = await childrenOf('drift');
  assert.deepEqual([...children.keys()].sort(), [
    'ConfigMap/drift-agent',
    'DaemonSet/drift-agent',
    'NetworkPolicy/drift-agent',
    'Service/drift-agent',
    'Service/drift-agent-peers',
    'ServiceAccount/drift-agent',
  ]);
  for (const [name, { metadata }] of children) {
    await env.kubectl(['delete', '-n', namespace, name, '--wait=false']);
    await waitFor(
      `${name} to come back`,
      async () => {
        const now = (await childrenOf('drift')).get(name);
        return now !== undefined && now.metadata.uid !== metadata.uid;
      },
      { timeout: deadline },
    );
  }

  const settings = async () =>
    (await getJson<{ data: Record<string, string> }>(env.kubectl, ['configmap', '-n', namespace, 'drift-agent'])).data[
      'settings.json'
    ];
  await waitFor(
    'settings with the new Service address',
    async () => {
      const service = await getJson<{ spec: { clusterIP: string } }>(env.kubectl, [
        'service',
        '-n',
        namespace,
        'drift-agent',
      ]);
      return (await settings())?.includes(service.spec.clusterIP) ?? false;
    },
    { timeout: deadline },
  );
  const declared = await settings();
  await env.kubectl(['patch', 'configmap', '-n', namespace, 'drift-agent', '-p', '{"data":{"settings.json":"{}"}}']);
  await waitFor('the settings to be mended', async () => (await settings()) === declared, { timeout: deadline });

  const port = async () =>
    (await getJson<{ spec: { ports: { port: number }[] } }>(env.kubectl, ['service', '-n', namespace, 'drift-agent']))
      .spec.ports[0]?.port;
  await env.kubectl([
    ...['patch', 'service', '-n', namespace, 'drift-agent', '--type=json', '-p'],
    '[{"op":"replace","path":"/spec/ports/0/port","value":9999}]',
  ]);
  await waitFor('the Service port to be mended', async () => (await port()) === 8000, { timeout: deadline });
});

test('what others add to a child is left alone', async () => {
  await env.kubectl(['annotate', 'daemonset', '-n', namespace, 'drift-agent', 'example.com/note=kept', '--overwrite']);
  // An edit of ours passes through the same object afterwards.
  await env.kubectl([
    'patch',
    'nx',
    '-n',
    namespace,
    'drift',
    '--type=merge',
    '-p',
    '{"spec":{"agent":{"podLabels":{"team":"network"}}}}',
  ]);
  const daemonSet = await waitFor(
    'the new label in the DaemonSet',
    async () => {
      const object = await getJson<{
        metadata: { annotations?: Record<string, string> };
        spec: { template: { metadata: { labels: Record<string, string> } } };
      }>(env.kubectl, ['daemonset', '-n', namespace, 'drift-agent']);
      return object.spec.template.metadata.labels.team === 'network' ? object : undefined;
    },
    { timeout: deadline },
  );
  assert.equal(daemonSet.metadata.annotations?.['example.com/note'], 'kept');
});

test('two NetExporters live side by side in one namespace, each with its own peers', async (t) => {
  tellOnFailure(t, env, namespace);
  const left = await readyNetExporter(env, namespace, 'left', spec);
  const right = await readyNetExporter(env, namespace, 'right', spec);
  for (const agents of [left, right])
    for (const agent of agents) {
      const others = agents.filter((peer) => peer !== agent).map(hostOf);
      const hosts = await waitFor(
        `all peers of ${agent.pod}`,
        async () => {
          const hosts = (await metricsOf(agent)).find('network_latency_seconds_count').map(({ labels }) => labels.host);
          return others.every((host) => hosts.includes(host)) ? hosts : undefined;
        },
        { timeout: deadline },
      );
      const strangers = (agents === left ? right : left).map(hostOf);
      assert.ok(!hosts.some((host) => strangers.includes(host ?? '')), `${agent.pod} dials ${hosts}`);
    }
});

test('deleting a NetExporter deletes every child of it, and none of another', async (t) => {
  tellOnFailure(t, env, namespace);
  const kept = await childrenOf('right');
  await env.kubectl(['delete', 'nx', '-n', namespace, 'left', 'drift']);
  for (const name of ['left', 'drift']) {
    await waitFor(`the children of ${name} to go`, async () => (await childrenOf(name)).size === 0, {
      timeout: deadline,
    });
    await waitFor(
      `the agents of ${name} to go`,
      async () => (await agentsOf(env.kubectl, namespace, name)).length === 0,
      {
        timeout: deadline,
      },
    );
  }
  const uids = (children: Map<string, Child>) =>
    [...children].map(([name, { metadata }]) => `${name} ${metadata.uid}`).sort();
  assert.deepEqual(uids(await childrenOf('right')), uids(kept));
});

test('a NetExporter that is made anew takes over what the deleted one left, where no garbage collector took it', async (t) => {
  tellOnFailure(t, env, namespace);
  t.after(() => env.cluster.startComponent('controller-manager'));
  const agents = await agentsOf(env.kubectl, namespace, 'right');
  await env.cluster.stopComponent('controller-manager');
  await env.kubectl(['delete', 'nx', '-n', namespace, 'right']);
  const left = await childrenOf('right');
  assert.equal(left.size, 6);
  await apply(env.kubectl, netExporter(namespace, 'right', spec));
  const { uid } = (await getNetExporter(env.kubectl, namespace, 'right')).metadata;
  await waitFor(
    'all children to be of the new one alone',
    async () =>
      [...(await childrenOf('right')).values()].every(
        ({ metadata }) => metadata.ownerReferences?.map((owner) => owner.uid).join() === uid,
      ),
    { timeout: deadline },
  );
  await env.cluster.startComponent('controller-manager');
  const now = await readyNetExporter(env, namespace, 'right', spec);
  const uids = (objects: Iterable<Child>) => [...objects].map(({ metadata }) => metadata.uid).sort();
  assert.deepEqual(uids((await childrenOf('right')).values()), uids(left.values()));
  assert.deepEqual(
    now.map((agent) => `${agent.uid} ${agent.restarts}`),
    agents.map((agent) => `${agent.uid} ${agent.restarts}`),
  );
  await env.kubectl(['delete', 'nx', '-n', namespace, 'right']);
});

test('a NetExporter that is made anew adopts what an orphaning deletion left, but no ServiceAccount that got an identity', async (t) => {
  tellOnFailure(t, env, namespace);
  const before = await readyNetExporter(env, namespace, 'orphaned', spec);
  const children = await childrenOf('orphaned');
  assert.equal(children.size, 6);
  const orphan = async () => {
    await env.kubectl(['delete', 'nx', '-n', namespace, 'orphaned', '--cascade=orphan', '--timeout=60s']);
    for (const [name, { metadata }] of await childrenOf('orphaned'))
      assert.equal(metadata.ownerReferences, undefined, `${name} has no owner`);
  };
  await orphan();
  await apply(env.kubectl, netExporter(namespace, 'orphaned', spec));
  const after = await readyNetExporter(env, namespace, 'orphaned', spec);
  const { uid } = (await getNetExporter(env.kubectl, namespace, 'orphaned')).metadata;
  const adopted = await childrenOf('orphaned');
  const uids = (objects: Map<string, Child>) => [...objects].map(([name, { metadata }]) => `${name} ${metadata.uid}`);
  assert.deepEqual(uids(adopted).sort(), uids(children).sort());
  for (const [name, { metadata }] of adopted)
    assert.deepEqual(
      metadata.ownerReferences?.map((owner) => owner.uid),
      [uid],
      name,
    );
  const pods = (agents: typeof before) => agents.map((agent) => `${agent.uid} ${agent.restarts}`).sort();
  assert.deepEqual(pods(after), pods(before), 'no agent restarted');
  assert.equal(conditionStatus(await getNetExporter(env.kubectl, namespace, 'orphaned'), 'Stalled'), 'False');

  await orphan();
  const role = 'eks.amazonaws.com/role-arn';
  await env.kubectl(['annotate', 'serviceaccount', '-n', namespace, 'orphaned-agent', `${role}=arn:aws:iam::1:role/a`]);
  await apply(env.kubectl, netExporter(namespace, 'orphaned', spec));
  const message = await waitFor(
    'the ServiceAccount to be reported',
    async () => {
      const { status } = await getNetExporter(env.kubectl, namespace, 'orphaned');
      const stalled = status?.conditions.find(({ type }) => type === 'Stalled');
      return stalled?.reason === 'ObjectNotOurs' ? stalled.message : undefined;
    },
    { timeout: deadline },
  );
  assert.ok(message.startsWith('ServiceAccount orphaned-agent already exists and has no controller'), message);
  assert.ok(message.includes(`because of the annotation ${role}.`), message);
  const left = (await childrenOf('orphaned')).get('DaemonSet/orphaned-agent');
  assert.equal(left?.metadata.ownerReferences, undefined, 'the agents would get the identity');
  // As the message says.
  const [, command] = /`kubectl ([^`]+)`/.exec(message) ?? [];
  assert.equal(command, `delete -n ${namespace} serviceaccount/orphaned-agent`);
  await env.kubectl(command.split(' '));
  await readyNetExporter(env, namespace, 'orphaned', spec);
  assert.equal((await childrenOf('orphaned')).get('DaemonSet/orphaned-agent')?.metadata.uid, left?.metadata.uid);
  await env.kubectl(['delete', 'nx', '-n', namespace, 'orphaned']);
});

test('an object that is not ours is left alone and reported, and taken care of once it is gone', async (t) => {
  tellOnFailure(t, env, namespace);
  const metadata = { namespace, name: 'foreign-agent' };
  await apply(env.kubectl, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mine: 'yes' } });
  await apply(env.kubectl, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  await apply(env.kubectl, netExporter(namespace, 'foreign', spec));
  const object = await waitFor(
    'the foreign object to be reported',
    async () => {
      const object = await getNetExporter(env.kubectl, namespace, 'foreign');
      return conditionStatus(object, 'Stalled') === 'True' ? object : undefined;
    },
    { timeout: deadline },
  );
  const stalled = object.status?.conditions.find(({ type }) => type === 'Stalled');
  assert.equal(stalled?.reason, 'ObjectNotOurs');
  const named = /^ConfigMap foreign-agent, ServiceAccount foreign-agent already exist, and each has no controller\./;
  assert.match(stalled?.message ?? '', named);
  const daemonSets = ['get', 'daemonset', '-n', namespace, 'foreign-agent', '--ignore-not-found'];
  assert.equal(await env.kubectl(daemonSets), '', 'agents would run under someone else’s ServiceAccount');
  assert.equal(conditionStatus(object, 'Ready'), 'False');
  await waitFor(
    'an Event about it',
    async () =>
      (await env.kubectl(['get', 'events', '-n', namespace, '--field-selector=reason=ObjectNotOurs'])).includes(
        'foreign-agent',
      ),
    { timeout: deadline },
  );
  const { data } = await getJson<{ data: Record<string, string> }>(env.kubectl, [
    'configmap',
    '-n',
    namespace,
    'foreign-agent',
  ]);
  assert.deepEqual(data, { mine: 'yes' });

  await env.kubectl(['delete', 'configmap,serviceaccount', '-n', namespace, 'foreign-agent']);
  await readyNetExporter(env, namespace, 'foreign', spec);

  const hold = (finalizers: string[] | null) =>
    env.kubectl([
      ...['patch', 'nx', '-n', namespace, 'foreign', '--type=merge'],
      ...['-p', JSON.stringify({ metadata: { finalizers } })],
    ]);
  await hold(['backup.example.com/hold']);
  await env.kubectl(['delete', 'nx', '-n', namespace, 'foreign', '--wait=false']);
  await waitFor(
    'the foreign finalizer to be reported',
    async () => {
      const { status } = await getNetExporter(env.kubectl, namespace, 'foreign');
      const found = status?.conditions.find(({ reason }) => reason === 'WaitingForFinalizers');
      return found?.message.includes('backup.example.com/hold');
    },
    { timeout: deadline },
  );
  await hold(null);
  await env.kubectl(['wait', '--for=delete', 'nx', '-n', namespace, 'foreign', '--timeout=60s']);
});
