import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { agentsOf, getJson, getNetExporter } from './agents.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
  waitForAgents,
} from './environment.ts';

const namespace = 'e2e-contested';
const name = 'contested';
let env: Environment;

// biome-ignore lint/suspicious/noExplicitAny: objects of many kinds, read field by field
type Json = Record<string, any>;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  await readyNetExporter(env, namespace, name, {});
});

after(() => removeNamespace(env.kubectl, namespace));

const get = (kind: string, object = `${name}-agent`): Promise<Json> =>
  getJson<Json>(env.kubectl, [kind, '-n', namespace, object]);

async function condition(type: string): Promise<{ status: string; reason: string; message: string } | undefined> {
  const { status } = await getNetExporter(env.kubectl, namespace, name);
  return status?.conditions.find((condition) => condition.type === type);
}

/**
 * Puts another object in the place of one of ours, which keeps its owner and labels but differs where nobody can change
 * it.
 */
async function substitute(kind: string, object: string, change: (object: Json) => void): Promise<string> {
  const copy = await get(kind, object);
  const { labels, annotations, ownerReferences } = copy.metadata;
  copy.metadata = { name: object, namespace, labels, annotations, ownerReferences };
  delete copy.status;
  change(copy);
  // Paused, or the operator's own would be there first.
  await env.kubectl(['annotate', 'nx', '-n', namespace, name, 'net-exporter.dev/paused=true']);
  await waitFor('the pause', async () => (await condition('Reconciling'))?.reason === 'Paused', { timeout: deadline });
  await env.kubectl(['delete', kind, '-n', namespace, object]);
  await env.kubectl(['create', '-f', '-'], { input: JSON.stringify(copy) });
  const { uid } = (await get(kind, object)).metadata;
  await env.kubectl(['annotate', 'nx', '-n', namespace, name, 'net-exporter.dev/paused-']);
  return uid;
}

async function waitForReplacement(kind: string, object: string, uid: string): Promise<Json> {
  return waitFor(
    `another ${kind}`,
    async () => {
      const now = await get(kind, object);
      return now.metadata.uid !== uid ? now : undefined;
    },
    { timeout: deadline },
  );
}

test('what someone changes once is mended, whatever the kind', async (t) => {
  tellOnFailure(t, env, namespace);
  const change = (kind: string, patch: object) =>
    env.kubectl(['patch', kind, '-n', namespace, `${name}-agent`, '--type=merge', '-p', JSON.stringify(patch)]);
  await change('serviceaccount', { automountServiceAccountToken: true });
  await change('networkpolicy', { spec: { ingress: [] } });
  await change('daemonset', { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 2 } } } });
  const isMended = async () => {
    const [account, policy, daemonSet] = await Promise.all(
      ['serviceaccount', 'networkpolicy', 'daemonset'].map((kind) => get(kind)),
    );
    return (
      account?.automountServiceAccountToken === false &&
      policy?.spec.ingress?.length === 1 &&
      daemonSet?.spec.updateStrategy.rollingUpdate.maxUnavailable === '10%'
    );
  };
  await waitFor('all of them to be mended', isMended, { timeout: deadline });
});

test('a DaemonSet and a Service that differ in an immutable field are recreated, with an Event', async (t) => {
  tellOnFailure(t, env, namespace);
  const daemonSet = await substitute('daemonset', `${name}-agent`, ({ spec }) => {
    spec.selector.matchLabels['example.com/old'] = 'yes';
    spec.template.metadata.labels['example.com/old'] = 'yes';
  });
  const { spec } = await waitForReplacement('daemonset', `${name}-agent`, daemonSet);
  assert.equal('example.com/old' in spec.selector.matchLabels, false);

  const peers = await substitute('service', `${name}-agent-peers`, (service) => {
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) delete service.spec[field];
  });
  const service = await waitForReplacement('service', `${name}-agent-peers`, peers);
  assert.equal(service.spec.clusterIP, 'None');

  const events = await env.kubectl(['get', 'events', '-n', namespace, '--field-selector=reason=Replaced']);
  assert.match(events, /Deleted DaemonSet contested-agent to recreate it because spec\.selector is immutable\./);
  assert.match(events, /Deleted Service contested-agent-peers to recreate it because spec\.clusterIP is immutable\./);

  // Settings that someone made immutable: no difference shows before there is something to change. A kubelet that
  // mounts them in the moment of the deletion may never look for others, so no pod starts meanwhile.
  await waitForAgents(env.kubectl, namespace, name, env.cluster.nodes.length);
  await env.kubectl(['patch', 'configmap', '-n', namespace, `${name}-agent`, '-p', '{"immutable":true}']);
  const { uid } = (await get('configmap')).metadata;
  const patch = '{"spec":{"dns":{"hosts":["example.com."]}}}';
  await env.kubectl(['patch', 'nx', '-n', namespace, name, '--type=merge', '-p', patch]);
  const { data } = await waitForReplacement('configmap', `${name}-agent`, uid);
  assert.match(data['settings.json'], /example\.com\./);

  await waitForAgents(env.kubectl, namespace, name, env.cluster.nodes.length);
  const pods = await getJson<{ items: Json[] }>(env.kubectl, ['pods', '-n', namespace]);
  const agents = await agentsOf(env.kubectl, namespace, name);
  const left = pods.items.filter(({ metadata }) => !metadata.deletionTimestamp);
  assert.equal(left.length, agents.length, 'no pod of the old DaemonSet stays');
});

test('a paused NetExporter is left as it is, and taken up at once when the pause ends', async (t) => {
  tellOnFailure(t, env, namespace);
  await env.kubectl(['annotate', 'nx', '-n', namespace, name, 'net-exporter.dev/paused=true']);
  await waitFor('the pause', async () => (await condition('Reconciling'))?.reason === 'Paused', { timeout: deadline });
  assert.equal((await condition('Ready'))?.status, 'True');
  await env.kubectl(['delete', 'networkpolicy', '-n', namespace, `${name}-agent`]);
  const patch = '{"spec":{"agent":{"podLabels":{"edited":"yes"}}}}';
  await env.kubectl(['patch', 'nx', '-n', namespace, name, '--type=merge', '-p', patch]);
  // Another NetExporter, which was edited later, shows that the operator has seen both by now.
  await apply(env.kubectl, {
    apiVersion: 'net-exporter.dev/v1alpha1',
    kind: 'NetExporter',
    metadata: { namespace, name: 'witness' },
    spec: { agent: { nodeSelector: { 'example.com/none': 'such' } } },
  });
  await waitFor('the witness', () => get('networkpolicy', 'witness-agent'), { timeout: deadline });
  await assert.rejects(get('networkpolicy'), /NotFound/);
  assert.equal('edited' in (await get('daemonset')).spec.template.metadata.labels, false);

  await env.kubectl(['annotate', 'nx', '-n', namespace, name, 'net-exporter.dev/paused-']);
  await waitFor('the deleted child', () => get('networkpolicy'), { timeout: deadline });
  await waitForAgents(env.kubectl, namespace, name, env.cluster.nodes.length);
  assert.equal((await get('daemonset')).spec.template.metadata.labels.edited, 'yes');
  await env.kubectl(['delete', 'nx', '-n', namespace, 'witness']);
});

test('a manager that keeps overwriting an object is named, and reverted at increasing intervals until it stops', async (t) => {
  tellOnFailure(t, env, namespace);
  const patch = '[{"op":"replace","path":"/spec/ports/0/targetPort","value":1}]';
  const attack = () =>
    env.kubectl([
      ...['patch', 'service', '-n', namespace, `${name}-agent`, '--type=json'],
      ...['--field-manager=a-rival', '-p', patch],
    ]);
  const targetPort = async () => (await get('service')).spec.ports[0].targetPort;
  let attacks = 0;
  await waitFor(
    'the rival to be named',
    async () => {
      if ((await targetPort()) !== 1) {
        await attack();
        attacks++;
      }
      const stalled = await condition('Stalled');
      return stalled?.reason === 'FieldConflict' ? stalled : undefined;
    },
    { timeout: deadline, interval: 200 },
  );
  const stalled = await condition('Stalled');
  assert.match(
    stalled?.message ?? '',
    /The field manager a-rival keeps overwriting spec\.ports.* of Service contested-agent\./,
  );
  assert.ok(attacks >= 3, `${attacks} changes are no rivalry`);
  // Everything else goes on.
  await env.kubectl(['delete', 'networkpolicy', '-n', namespace, `${name}-agent`]);
  await waitFor('another child to come back', () => get('networkpolicy'), { timeout: deadline });
  await waitFor(
    'an Event about it',
    async () =>
      (await env.kubectl(['get', 'events', '-n', namespace, '--field-selector=reason=FieldConflict'])).includes(
        'a-rival',
      ),
    { timeout: deadline },
  );
  // The rival has stopped.
  await waitFor('recovery', async () => (await condition('Ready'))?.status === 'True', { timeout: deadline });
  assert.equal(await targetPort(), 'metrics');
});
