import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { get } from 'node:https';
import { after, before, test } from 'node:test';
import { agentContract } from '../../src/contract/agent-contract.ts';
import { ClusterApi } from '../faults/cluster-api.ts';
import type { Agent } from './agents.ts';
import { getJson } from './agents.ts';
import { processesOf } from './container-process.ts';
import {
  type Environment,
  environment,
  quick,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';
import { applySample } from './installation.ts';

const namespace = 'e2e-security';
let env: Environment;
let agents: Agent[];

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  await applySample(env.kubectl);
  agents = await readyNetExporter(env, namespace, 'secure', { dns: quick, network: quick });
});

after(() => removeNamespace(env.kubectl, namespace));

interface Pod {
  metadata: { namespace: string; name: string };
  spec: { containers: { name: string; volumeMounts?: { mountPath: string }[] }[] };
}

const operatorPods = () =>
  getJson<{ items: Pod[] }>(env.kubectl, [
    'pods',
    '-n',
    'net-exporter-system',
    '-l',
    'app.kubernetes.io/name=net-exporter-operator',
  ]);

test('agents and operator run in namespaces that enforce Pod Security restricted', async () => {
  for (const name of [namespace, 'monitoring', 'net-exporter-system']) {
    const { metadata } = await getJson<{ metadata: { labels: Record<string, string> } }>(env.kubectl, [
      'namespace',
      name,
    ]);
    assert.equal(metadata.labels['pod-security.kubernetes.io/enforce'], 'restricted', name);
  }
});

test("no token for the API server is in an agent's mounts", async (t) => {
  tellOnFailure(t, env, namespace);
  for (const agent of agents) {
    const pod = await getJson<Pod>(env.kubectl, ['pod', '-n', namespace, agent.pod]);
    for (const { volumeMounts = [] } of pod.spec.containers)
      assert.ok(
        volumeMounts.every(({ mountPath }) => !mountPath.includes('serviceaccount')),
        agent.pod,
      );
    for (const pid of await processesOf(env.cluster, namespace, agent.pod, 'agent'))
      assert.doesNotMatch(await readFile(`/proc/${pid}/mountinfo`, 'utf8'), /serviceaccount/);
  }
});

test("the agents' token says to the operator which pod it is of, no other container has it, and the API server refuses it", async (t) => {
  tellOnFailure(t, env, namespace);
  const [agent] = agents as [Agent];
  const [pid] = await processesOf(env.cluster, namespace, agent.pod, 'agent');
  const file = `/proc/${pid}/root${agentContract.tokenDirectory}/${agentContract.tokenKey}`;
  // Without a user in the pod's spec, the kubelet lets every user of the pod read it, and none write it.
  assert.equal((await stat(file)).mode & 0o222, 0o200);
  const { spec } = await getJson<Pod>(env.kubectl, ['pod', '-n', namespace, agent.pod]);
  assert.equal(spec.containers.length, 1);

  const token = await readFile(file, 'utf8');
  const review = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: ['net-exporter'] },
  };
  const { status } = JSON.parse(
    await env.kubectl(['create', '-f', '-', '-o', 'json'], { input: JSON.stringify(review) }),
  );
  assert.equal(status.authenticated, true);
  assert.equal(status.user.username, `system:serviceaccount:${namespace}:secure-agent`);
  assert.deepEqual(status.user.extra['authentication.kubernetes.io/pod-uid'], [agent.uid]);
  assert.deepEqual(status.user.extra['authentication.kubernetes.io/node-name'], [agent.node]);
  assert.equal(await apiServerAnswer(token), 401);
});

/** The status with which the API server answers whoever comes with this token. */
async function apiServerAnswer(token: string): Promise<number | undefined> {
  const { origin: url, authority: ca } = await ClusterApi.of(env.cluster.kubeconfig);
  return new Promise((resolve, reject) => {
    get(`${url}/api`, { ca, agent: false, headers: { authorization: `Bearer ${token}` } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject);
  });
}

test('agents and operator run as nobody in particular, with no capability and a read-only root', async (t) => {
  tellOnFailure(t, env, namespace);
  const pods = [
    ...agents.map(({ pod }) => ({ namespace, pod, container: 'agent' })),
    ...(await operatorPods()).items.map(({ metadata, spec }) => ({
      namespace: metadata.namespace,
      pod: metadata.name,
      container: spec.containers[0]!.name,
    })),
  ];
  assert.ok(pods.length > agents.length);
  for (const { namespace, pod, container } of pods)
    for (const pid of await processesOf(env.cluster, namespace, pod, container)) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
        assert.match(status, new RegExp(`^${set}:\\s+0+$`, 'm'), `${pod} ${set}`);
      assert.match(status, /^NoNewPrivs:\s+1$/m);
      assert.doesNotMatch(status, /^Uid:\s+0\s/m);
      const root = (await readFile(`/proc/${pid}/mountinfo`, 'utf8'))
        .split('\n')
        .find((line) => line.split(' ')[4] === '/');
      assert.match(root?.split(' ')[5] ?? '', /^ro(,|$)/, `${pod} root file system`);
    }
});
