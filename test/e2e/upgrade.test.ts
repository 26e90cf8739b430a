import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { installation } from '../../charts/install/install.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { imageNames } from '../../src/contract/image-names.ts';
import { waitFor } from '../cluster/wait.ts';
import { agentsOf, getJson, getNetExporter } from './agents.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  operatorNamespace,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';
import { leaseOf, operatorMetrics, operatorsOf } from './operators.ts';

const namespace = 'e2e-upgrade';
const name = 'upgraded';
const ours = packageJson.version;
const older = '0.0.9';
let env: Environment;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  for (const part of ['operator', 'agent'] as const)
    await env.cluster.tagImage(imageNames(ours)[part], imageNames(older)[part]);
});

after(async () => {
  await install(ours);
  await removeNamespace(env.kubectl, namespace);
});

/** Installs a version over whichever is there, and waits until an operator of it leads. */
async function install(version: string): Promise<void> {
  const items = installation(version) as Manifest[];
  if (version === older) for (const object of items) if (object.kind === 'Deployment') makeOlder(object);
  await apply(env.kubectl, { apiVersion: 'v1', kind: 'List', items });
  const deployment = ['-n', operatorNamespace, 'deployment/net-exporter-operator'];
  await env.kubectl(['rollout', 'status', ...deployment, '--timeout=180s']);
  await waitFor(
    `an operator of version ${version} to lead`,
    async () => {
      const { pod } = await leaseOf(env);
      const leader = (await operatorsOf(env)).find(({ name }) => name === pod);
      return leader && (await operatorMetrics(leader)).sum('net_exporter_build_info', { version }) === 1;
    },
    { timeout: deadline },
  );
}

// biome-ignore lint/suspicious/noExplicitAny: objects of many kinds, read field by field
type Manifest = { kind: string; spec: any };

/** Gives the older version a program of its own: this one's, but that it takes itself for the older version. */
function makeOlder({ spec }: Manifest): void {
  const pod = spec.template.spec;
  const [operator] = pod.containers;
  const volumeMounts = [{ name: 'older', mountPath: '/older' }];
  const script = `const { readFileSync, writeFileSync } = require('node:fs');
    const program = readFileSync('/app/main.mjs', 'utf8').replaceAll('"${ours}"', '"${older}"');
    writeFileSync('/older/main.mjs', program);`;
  const { image, imagePullPolicy, securityContext } = operator;
  const make = { command: ['/usr/local/bin/node', '-e', script], volumeMounts };
  pod.initContainers = [{ name: 'older', image, imagePullPolicy, securityContext, ...make }];
  pod.volumes = [...(pod.volumes ?? []), { name: 'older', emptyDir: {} }];
  operator.volumeMounts = [...(operator.volumeMounts ?? []), ...volumeMounts];
  operator.command = ['/usr/local/bin/node', '--optimize-for-size', '/older/main.mjs'];
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

test('an older version takes over every object as it is and rolls the agents, and so does the way back', async (t) => {
  tellOnFailure(t, env, namespace);
  await readyNetExporter(env, namespace, name, { agent: { maxUnavailable: 1 } });
  const before = await children();
  const { metadata, spec } = await getNetExporter(env.kubectl, namespace, name);
  const first = await daemonSet();
  const agents = await agentsOf(env.kubectl, namespace, name);
  for (const version of [older, ours]) {
    await install(version);
    assert.ok((await waitForRollout(imageNames(version).agent)) <= 1, 'more agents were away than maxUnavailable');
    assert.deepEqual(await children(), before);
    assert.deepEqual((await daemonSet()).spec.selector, first.spec.selector);
    const now = await getNetExporter(env.kubectl, namespace, name);
    assert.deepEqual([now.metadata.uid, now.metadata.generation, now.spec], [metadata.uid, metadata.generation, spec]);
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
