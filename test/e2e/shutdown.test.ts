import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, agentsOf, getJson, hostOf, metricsOf } from './agents.ts';
import { processesOf } from './container-process.ts';
import {
  deadline,
  type Environment,
  environment,
  quick,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
  waitForAgents,
} from './environment.ts';

const namespace = 'e2e-shutdown';
const operatorNamespace = 'net-exporter-system';
let env: Environment;
let agents: Agent[];

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  agents = await readyNetExporter(env, namespace, 'shutdown', { dns: quick, network: quick });
});

const scaleOperator = async (replicas: number) => {
  await env.kubectl(['scale', '-n', operatorNamespace, 'deployment/net-exporter-operator', `--replicas=${replicas}`]);
  await env.kubectl([
    'rollout',
    'status',
    '-n',
    operatorNamespace,
    'deployment/net-exporter-operator',
    '--timeout=180s',
  ]);
};

after(async () => {
  await scaleOperator(2);
  await removeNamespace(env.kubectl, namespace);
});

interface Pod {
  metadata: { name: string };
  spec: { containers: { name: string }[] };
  status: {
    containerStatuses: {
      restartCount: number;
      lastState: { terminated?: { exitCode: number; signal?: number } };
    }[];
  };
}

const operatorPods = async () =>
  (
    await getJson<{ items: Pod[] }>(env.kubectl, [
      ...['pods', '-n', operatorNamespace, '-l', 'app.kubernetes.io/name=net-exporter-operator'],
    ])
  ).items;

/** Sends SIGTERM to a container's process; returns how it ended and after how many seconds. */
async function terminate(
  namespace: string,
  name: string,
  container: string,
): Promise<{ exitCode: number; seconds: number }> {
  const getPod = () => getJson<Pod>(env.kubectl, ['pod', '-n', namespace, name]);
  const restarts = (await getPod()).status.containerStatuses[0]!.restartCount;
  const [pid] = await processesOf(env.cluster, namespace, name, container);
  const start = performance.now();
  process.kill(pid!, 'SIGTERM');
  const running = () => {
    try {
      return process.kill(pid!, 0);
    } catch {
      return false;
    }
  };
  await waitFor(`process ${pid} of ${name} to end`, () => !running(), { timeout: deadline, interval: 20 });
  const seconds = (performance.now() - start) / 1000;
  const terminated = await waitFor(
    `the exit code of ${name}`,
    async () => {
      const [status] = (await getPod()).status.containerStatuses;
      return status!.restartCount > restarts ? status!.lastState.terminated : undefined;
    },
    { timeout: deadline },
  );
  return { exitCode: terminated.exitCode, seconds };
}

test('an agent that is told to stop serves on for a moment and exits 0 within 5 s', async (t) => {
  tellOnFailure(t, env, namespace);
  const [agent] = agents as [Agent];
  const ended = terminate(namespace, agent.pod, 'agent');
  const unready = async () => (await fetch(`http://${hostOf(agent)}/-/ready`)).status === 503;
  await waitFor('the agent to be unready while it serves', unready, { timeout: deadline, interval: 20 });
  assert.ok((await metricsOf(agent)).sum('net_exporter_build_info') > 0, 'scrapes are still served');
  const { exitCode, seconds } = await ended;
  assert.equal(exitCode, 0);
  assert.ok(seconds < 5, `took ${seconds} s`);
});

test('the operator that is told to stop exits 0 within 5 s', async (t) => {
  tellOnFailure(t, env, namespace);
  const [pod] = await operatorPods();
  const { exitCode, seconds } = await terminate(operatorNamespace, pod!.metadata.name, pod!.spec.containers[0]!.name);
  assert.equal(exitCode, 0);
  assert.ok(seconds < 5, `took ${seconds} s`);
});

test('with both operators gone agents go on, a new one still probes, and a broken settings file is survived', async (t) => {
  tellOnFailure(t, env, namespace);
  await scaleOperator(0);
  await waitFor('the operators to be gone', async () => (await operatorPods()).length === 0, { timeout: deadline });

  const probes = async (agent: Agent) => {
    const metrics = await metricsOf(agent);
    return Math.min(metrics.sum('dns_latency_seconds_count'), metrics.sum('network_latency_seconds_count'));
  };
  const waitForProbes = async (agent: Agent) => {
    const from = await probes(agent);
    await waitFor(`probes of ${agent.pod}`, async () => (await probes(agent)) > from + 2, { timeout: deadline });
  };
  for (const agent of await agentsOf(env.kubectl, namespace, 'shutdown')) await waitForProbes(agent);

  const [old] = agents as [Agent];
  await env.kubectl(['delete', 'pod', '-n', namespace, old.pod]);
  const successor = await waitFor(
    'the successor of a deleted agent',
    async () =>
      (await agentsOf(env.kubectl, namespace, 'shutdown')).find(
        ({ node, uid, ready }) => node === old.node && uid !== old.uid && ready,
      ),
    { timeout: deadline },
  );
  await waitForProbes(successor);

  const [, witness] = agents as [Agent, Agent];
  const failing = async () => (await metricsOf(witness)).sum('net_exporter_settings_last_load_successful') === 0;
  assert.equal(await failing(), false);
  await env.kubectl([
    'patch',
    'configmap',
    '-n',
    namespace,
    'shutdown-agent',
    '-p',
    '{"data":{"settings.json":"{\\"version\\": 1, broken"}}',
  ]);
  await waitFor('the broken settings to be reported', failing, { timeout: deadline });
  const log = await env.kubectl(['logs', '-n', namespace, witness.pod]);
  assert.match(log, /settings.*not JSON/);
  await waitForProbes(witness);

  await scaleOperator(2);
  await waitFor('the settings to be mended', async () => !(await failing()), { timeout: deadline });
  await waitForAgents(env.kubectl, namespace, 'shutdown', env.cluster.nodes.length);
});
