import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { getJson, getNetExporter } from './agents.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  netExporter,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';

// Agents that cannot run, each for another reason. Most of the time is waiting, which all of them do at once: a minute
// until a pod that is missing counts as refused, and nearly as long until a node without a kubelet is not ready.

const namespace = 'e2e-refused';
/** A namespace of its own, because a quota is about all pods in it. */
const limited = 'e2e-refused-quota';
/** So is a LimitRange. */
const ranged = 'e2e-refused-range';
const lost = 'e2e-lost-node';
const namespaces = [namespace, limited, ranged, lost];
let env: Environment;
let deadNode: string | undefined;

before(async () => {
  env = await environment();
  for (const each of namespaces) await restrictedNamespace(env.kubectl, each);
  deadNode = (await env.cluster.addNode()).name;
  await Promise.all([
    readyNetExporter(env, lost, 'lost', { agent: { maxUnavailable: 1 } }),
    // All at once: the one agent that may be unavailable could be that of the dead node, which stays.
    readyNetExporter(env, namespace, 'insecure', { agent: { maxUnavailable: '100%' } }),
  ]);
  await env.cluster.stopKubelet(deadNode);
  await quota('0');
  await apply(env.kubectl, {
    ...{ apiVersion: 'v1', kind: 'LimitRange', metadata: { namespace: ranged, name: 'memory' } },
    spec: { limits: [{ type: 'Container', max: { memory: '64Mi' } }] },
  });
  const memory = { limits: { memory: '12Mi' }, requests: { memory: '4Mi' } };
  const specs: [string, string, object][] = [
    [limited, 'full', {}],
    [ranged, 'large', { resources: { limits: { memory: '128Mi' }, requests: { memory: '64Mi' } } }],
    [namespace, 'no-class', { priorityClassName: 'no-such-class' }],
    [namespace, 'critical', { priorityClassName: 'system-node-critical' }],
    [namespace, 'small', { resources: memory }],
  ];
  for (const [where, name, agent] of specs) await apply(env.kubectl, netExporter(where, name, { agent }));
  // As someone who edits the DaemonSet: a user that the level restricted does not allow.
  const patch = JSON.stringify({ spec: { template: { spec: { securityContext: { runAsUser: 0 } } } } });
  await env.kubectl(['patch', 'daemonset', '-n', namespace, 'insecure-agent', '--type=merge', '-p', patch]);
});

after(async () => {
  if (deadNode !== undefined) await env.cluster.removeNode(deadNode);
  for (const each of namespaces) await removeNamespace(env.kubectl, each);
});

interface DaemonSet {
  status: { updatedNumberScheduled?: number };
}

async function editLost(agent: object): Promise<void> {
  const patch = JSON.stringify({ spec: { agent } });
  await env.kubectl(['patch', 'netexporter', '-n', lost, 'lost', '--type=merge', '-p', patch]);
}

async function quota(pods: string): Promise<void> {
  const metadata = { namespace: limited, name: 'pods' };
  await apply(env.kubectl, { apiVersion: 'v1', kind: 'ResourceQuota', metadata, spec: { hard: { pods } } });
}

/** Waits until a condition is as expected, and returns its message. */
async function condition(where: string, name: string, type: string, expected: string): Promise<string> {
  return waitFor(
    `${type} of ${where}/${name} to be ${expected}`,
    async () => {
      const { status, metadata } = await getNetExporter(env.kubectl, where, name);
      const found = status?.conditions.find((candidate) => candidate.type === type);
      if (`${found?.status} ${found?.reason}` !== expected || found?.observedGeneration !== metadata.generation)
        throw new Error(JSON.stringify(status));
      return found.message;
    },
    { timeout: deadline },
  );
}

/** What the condition Stalled says of pods that are refused. */
const refusal = (where: string, name: string) => condition(where, name, 'Stalled', 'True PodsRefused');

test('an agent that is killed for its memory is Stalled with that reason', async (t) => {
  tellOnFailure(t, env, namespace);
  const message = await condition(namespace, 'small', 'Stalled', 'True AgentOOMKilled');
  assert.match(message, /exceeded the memory limit: node-\d .*OOMKilled.*Increase the memory limit/);
});

test('pods that a quota refuses are Stalled with its own text after a minute, and run once it is raised', async (t) => {
  tellOnFailure(t, env, limited);
  const message = await refusal(limited, 'full');
  assert.match(message, /agents have no pod, because .*: pods "full-agent-\*" is forbidden: exceeded quota: pods,/);
  assert.match(message, /Raise the quota/);
  await quota('100');
  // As docs/troubleshooting.md says, for those who do not want to wait.
  await env.kubectl(['annotate', 'daemonset', '-n', limited, 'full-agent', 'retry=1']);
  await condition(limited, 'full', 'Ready', 'True AgentsReady');
});

test('pods that a LimitRange refuses are Stalled with its own text', async (t) => {
  tellOnFailure(t, env, ranged);
  const message = await refusal(ranged, 'large');
  assert.match(
    message,
    /maximum memory usage per Container is 64Mi, but limit is 128Mi\. Raise the quota or limit, or/,
  );
});

test('pods that Pod Security refuses are Stalled with what it does not allow', async (t) => {
  tellOnFailure(t, env, namespace);
  assert.match(await refusal(namespace, 'insecure'), /violates PodSecurity "restricted:latest": runAsUser=0/);
});

test('pods of a PriorityClass that does not exist are Stalled with its name', async (t) => {
  tellOnFailure(t, env, namespace);
  const message = await refusal(namespace, 'no-class');
  assert.match(message, /no PriorityClass with name no-such-class was found\. Create that PriorityClass, or set/);
});

test('pods of a class that the platform reserves are Stalled with a class that it does not', async (t) => {
  tellOnFailure(t, env, namespace);
  const message = await refusal(namespace, 'critical');
  assert.match(message, /system-node-critical.*Set spec\.agent\.priorityClassName to .* such as net-exporter-agent/);
});

test('a node whose kubelet is gone does not keep the NetExporter from being ready, and is named', async (t) => {
  tellOnFailure(t, env, lost);
  const nodes = env.cluster.nodes.length;
  const isNamed = new RegExp(
    `^${nodes - 1} of ${nodes} agents are ready; 1 is on a node that is not ready: ${deadNode}`,
  );
  await waitFor(
    'the node to be named',
    async () => isNamed.test(await condition(lost, 'lost', 'Ready', 'True AgentsReady')),
    { timeout: deadline },
  );
});

test('a rollout that such a node blocks names it, and ends without it', async (t) => {
  tellOnFailure(t, env, lost);
  await editLost({ podLabels: { edit: '1' } });
  const message = await condition(lost, 'lost', 'Reconciling', 'True RollingOut');
  assert.match(message, new RegExp(`^0 of \\d agents run the current pod template\\. .*not ready: ${deadNode}, and`));
  // What the message advises. The agent of that node stays as it is, and is not waited for.
  await editLost({ maxUnavailable: '100%' });
  assert.match(await condition(lost, 'lost', 'Ready', 'True AgentsReady'), new RegExp(`not ready: ${deadNode}`));
  const { status } = await getJson<DaemonSet>(env.kubectl, ['daemonset', '-n', lost, 'lost-agent']);
  assert.equal(status.updatedNumberScheduled, env.cluster.nodes.length - 1);
});
