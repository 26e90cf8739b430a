import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, getJson, hostOf, metricsOf } from './agents.ts';
import { processesOf } from './container-process.ts';
import {
  deadline,
  type Environment,
  environment,
  operatorNamespace,
  quick,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';

const namespace = 'e2e-shutdown';
let env: Environment;
let agents: Agent[];

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  // Behind the Service an agent serves for 12 s at least; planned-events.test.ts looks at that.
  const network = { ...quick, service: false };
  agents = await readyNetExporter(env, namespace, 'shutdown', { dns: quick, network });
});

after(async () => {
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

test('an agent that no Service leads to serves on for a moment after the signal and exits 0 within 5 s', async (t) => {
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
