import assert from 'node:assert/strict';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { agentObjects } from '../../charts/agent/agent.ts';
import { installation } from '../../charts/install/install.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { imageNames } from '../../src/contract/image-names.ts';
import { operatorName } from '../../src/contract/operator-names.ts';
import { defaultSpec, type NetExporter } from '../../src/crd/net-exporter.ts';
import { withDefaults } from '../../src/crd/with-defaults.ts';
import { settingsOf } from '../../src/operator/agents/settings-of.ts';
import { ownedDirectory } from '../cluster/owned-name.ts';
import { waitFor } from '../cluster/wait.ts';
import { ClusterApi } from '../faults/cluster-api.ts';
import { scaleInstalled } from '../faults/fault-rig.ts';
import { agentsOf, getJson, getNetExporter } from './agents.ts';
import { DryRun, refusalOf } from './dry-run.ts';
import {
  apply,
  deadline,
  type Environment,
  editIsReconciled,
  environment,
  netExporter,
  operatorNamespace,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';
import { leaseOf, operatorMetrics, operatorsOf } from './operators.ts';

const namespace = 'e2e-upgrade';
const name = 'upgraded';
/** A NetExporter that is edited at each step. */
const edited = 'edited';
const otherNamespace = 'e2e-kustomized';
const ours = packageJson.version;
const older = '0.0.9';
const definition = 'CustomResourceDefinition';
const policies = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'];
const nowhere = { agent: { nodeSelector: { 'net-exporter.dev/nowhere': '' } } };
let env: Environment;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  for (const part of ['operator', 'agent'] as const)
    await env.cluster.tagImage(imageNames(ours)[part], imageNames(older)[part]);
});

after(async () => {
  await applyParts(ours, () => true);
  await waitForVersion(ours);
  await removeNamespace(env.kubectl, namespace);
  await env.kubectl(['delete', 'namespace', otherNamespace, '--ignore-not-found', '--wait=false']);
});

/** Applies some of a version's manifests over what is there. */
async function applyParts(version: string, isPart: (kind: string) => boolean): Promise<void> {
  const items = (installation(version) as Manifest[]).filter(({ kind }) => isPart(kind));
  for (const object of items) {
    if (version !== older) continue;
    if (object.kind === 'Deployment') makeOlder(object);
    if (object.kind === definition) {
      const { spec } = object.spec.versions[0].schema.openAPIV3Schema.properties;
      for (const path of [['health'], ['network', 'udp']]) removeField(spec, path);
    }
  }
  await apply(env.kubectl, { apiVersion: 'v1', kind: 'List', items });
}

/** Waits until an operator of this version leads. */
async function waitForVersion(version: string): Promise<void> {
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

/** The parts of an installation, each of which is upgraded by itself. The older release has no admission policy. */
const parts = {
  definition: async (version: string) => {
    await applyParts(version, (kind) => kind === definition);
    const isInEffect = async () => {
      const { spec } = await getNetExporter(env.kubectl, namespace, edited);
      return 'health' in spec === (version === ours) && 'udp' in spec.network === (version === ours);
    };
    await waitFor(`the definition of ${version}`, isInEffect, { timeout: deadline });
  },
  policy: async (version: string) => {
    if (version === ours) {
      await applyParts(ours, (kind) => policies.includes(kind));
      await assertBounded(operatorNamespace);
    } else await env.kubectl(['delete', policies.join().toLowerCase(), operatorName]);
  },
  operator: async (version: string) => {
    await applyParts(version, (kind) => kind !== definition && !policies.includes(kind));
    await waitForVersion(version);
  },
};

/** With the token of the operator in this namespace, nobody creates privileged pods, and the policy says why. */
async function assertBounded(operatorNamespace: string): Promise<void> {
  const token = await env.kubectl(['create', 'token', operatorName, '-n', operatorNamespace]);
  const api = await ClusterApi.of(env.cluster.kubeconfig, token.trim());
  const resource = await getJson<NetExporter>(env.kubectl, ['netexporter', '-n', namespace, edited]);
  const runtime = { image: 'example.com/agent:1', settings: settingsOf(withDefaults(resource), []), podMonitor: false };
  const daemonSet = agentObjects(withDefaults(resource), runtime).find(({ kind }) => kind === 'DaemonSet')!;
  const privileged = structuredClone(daemonSet) as Manifest & typeof daemonSet;
  Object.assign(privileged.spec.template.spec, { hostPID: true });
  try {
    const dryRun = new DryRun(api);
    const isRefused = async () => {
      const refusal = refusalOf(await dryRun.apply(privileged));
      if (!/agents use no namespace of the node/.test(refusal)) throw new Error(refusal);
      return true;
    };
    // The API server takes a new policy in within a second or so.
    await waitFor('the refusal of a privileged DaemonSet', isRefused, { timeout: deadline, interval: 100 });
    assert.equal(await dryRun.apply(daemonSet), 'admitted');
  } finally {
    api.close();
  }
}

async function assertReconciles(when: string): Promise<void> {
  await editIsReconciled(env.kubectl, namespace, edited);
  const { status } = await getNetExporter(env.kubectl, namespace, edited);
  const stalled = status?.conditions.find(({ type }) => type === 'Stalled');
  assert.equal(stalled?.status, 'False', `${when}: ${stalled?.message}`);
  const configMap = ['configmap', '-n', namespace, `${edited}-agent`];
  const { data } = await getJson<{ data: Record<string, string> }>(env.kubectl, configMap);
  const { network } = JSON.parse(data['settings.json']!) as { network: { udp: object } };
  assert.deepEqual(network.udp, defaultSpec().network.udp, when);
}

/** Takes a field out of a part of the definition's schema: itself, the rules that read it, and its default. */
function removeField(node: Manifest['spec'], [name, ...rest]: readonly string[]): void {
  const field = rest.at(-1) ?? name;
  const rules = node['x-kubernetes-validations'] as { rule: string }[] | undefined;
  if (rules) node['x-kubernetes-validations'] = rules.filter(({ rule }) => !rule.includes(`.${field}`));
  if (rest.length === 0) {
    delete node.properties[name!];
    delete node.default[name!];
  } else {
    removeField(node.properties[name!], rest);
    node.default[name!] = node.properties[name!].default;
  }
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

test('an older version takes over every object as it is and rolls the agents, and so does the way back, with the definition and the policy before the operator', async (t) => {
  tellOnFailure(t, env, namespace);
  await apply(env.kubectl, netExporter(namespace, edited, nowhere));
  await readyNetExporter(env, namespace, name, { agent: { maxUnavailable: 1 } });
  await assertReconciles('before');
  const before = await children();
  const { metadata, spec } = await getNetExporter(env.kubectl, namespace, name);
  const first = await daemonSet();
  const agents = await agentsOf(env.kubectl, namespace, name);
  // An operator meets an older definition as it runs, without a policy too, and as it starts, and then the newer ones.
  for (const version of [older, ours]) {
    for (const part of ['definition', 'policy', 'operator'] as const) {
      await parts[part](version);
      await assertReconciles(`with the ${part} of ${version}`);
    }
    assert.ok((await waitForRollout(imageNames(version).agent)) <= 1, 'more agents were away than maxUnavailable');
    assert.deepEqual(await children(), before);
    assert.deepEqual((await daemonSet()).spec.selector, first.spec.selector);
  }
  const after = await getNetExporter(env.kubectl, namespace, name);
  assert.deepEqual(
    [after.metadata.uid, after.metadata.generation, after.spec],
    [metadata.uid, metadata.generation, spec],
  );
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

test('an operator that kustomize has put into another namespace reconciles, and the policy is about its account', async (t) => {
  tellOnFailure(t, env, otherNamespace);
  await scaleInstalled(env.cluster, 0);
  const directory = ownedDirectory('kustomize');
  t.after(() => rm(directory, { recursive: true, force: true }));
  await copyFile(join(import.meta.dirname, '../../manifests/install.yaml'), join(directory, 'install.yaml'));
  const kustomization = { namespace: otherNamespace, resources: ['install.yaml'] };
  await writeFile(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization));
  const manifests = await env.kubectl(['kustomize', directory]);
  assert.ok(!manifests.includes(operatorNamespace), 'something stays in the usual namespace');
  await env.kubectl(['apply', '-f', '-'], { input: manifests });
  const deployment = ['-n', otherNamespace, 'deployment/net-exporter-operator'];
  await env.kubectl(['rollout', 'status', ...deployment, '--timeout=180s']);
  await assertReconciles('in another namespace');
  await assertBounded(otherNamespace);
  await env.kubectl(['delete', '-n', otherNamespace, 'deployment', 'net-exporter-operator']);
});
