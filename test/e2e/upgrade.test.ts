import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { imageNames } from '../../charts/image-names.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { waitFor } from '../cluster/wait.ts';
import { agentsOf, getJson, getNetExporter } from './agents.ts';
import {
  deadline,
  type Environment,
  environment,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';

const namespace = 'e2e-upgrade';
const name = 'upgraded';
const ours = imageNames(packageJson.version).agent;
const other = imageNames('0.0.0-other').agent;
let env: Environment;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
});

after(async () => {
  await runVersion(ours);
  await removeNamespace(env.kubectl, namespace);
});

/** Makes the operator one that belongs to these agents, by the way in which a release does. */
async function runVersion(image: string): Promise<void> {
  const deployment = ['-n', 'net-exporter-system', 'deployment/net-exporter-operator'];
  await env.kubectl(['set', 'env', ...deployment, `AGENT_IMAGE=${image}`]);
  await env.kubectl(['rollout', 'status', ...deployment, '--timeout=180s']);
}

interface DaemonSet {
  metadata: { uid: string; generation: number };
  spec: { selector: object; template: { spec: { containers: { image: string }[] } } };
  status: { numberUnavailable?: number; updatedNumberScheduled?: number; observedGeneration: number };
}

const daemonSet = () => getJson<DaemonSet>(env.kubectl, ['daemonset', '-n', namespace, `${name}-agent`]);

/** Everything that belongs to the NetExporter, as `Kind/name uid`. */
async function children(): Promise<string[]> {
  const kinds = 'daemonsets,services,configmaps,serviceaccounts,networkpolicies';
  const label = `app.kubernetes.io/instance=${name}`;
  const { items } = await getJson<{ items: { kind: string; metadata: { name: string; uid: string } }[] }>(env.kubectl, [
    ...[kinds, '-n', namespace, '-l', label],
  ]);
  return items.map(({ kind, metadata }) => `${kind}/${metadata.name} ${metadata.uid}`).sort();
}

/** Waits until all agents run the image, and returns how many were away at the same time at most. */
async function waitForRollout(image: string): Promise<number> {
  const nodes = env.cluster.nodes.length;
  let away = 0;
  await waitFor(
    `agents of ${image}`,
    async () => {
      const { metadata, spec, status } = await daemonSet();
      away = Math.max(away, status.numberUnavailable ?? 0);
      if (spec.template.spec.containers[0]?.image !== image) return false;
      if (status.observedGeneration !== metadata.generation || status.updatedNumberScheduled !== nodes) return false;
      return (status.numberUnavailable ?? 0) === 0;
    },
    { timeout: deadline },
  );
  return away;
}

test('another version takes over every object as it is, rolls the agents, and so does the way back', async (t) => {
  tellOnFailure(t, env, namespace);
  await env.cluster.tagImage(ours, other);
  await readyNetExporter(env, namespace, name, { agent: { maxUnavailable: 1 } });
  const before = await children();
  const first = await daemonSet();
  const agents = await agentsOf(env.kubectl, namespace, name);
  for (const image of [other, ours]) {
    await runVersion(image);
    assert.ok((await waitForRollout(image)) <= 1, 'more agents were away than maxUnavailable');
    assert.deepEqual(await children(), before);
    assert.deepEqual((await daemonSet()).spec.selector, first.spec.selector);
  }
  await waitFor(
    'new agents',
    async () => {
      const now = await agentsOf(env.kubectl, namespace, name);
      return now.length === agents.length && now.every(({ uid }) => !agents.some((agent) => agent.uid === uid));
    },
    { timeout: deadline },
  );
  const { status } = await getNetExporter(env.kubectl, namespace, name);
  assert.equal(status?.agents.desired, agents.length);
});
