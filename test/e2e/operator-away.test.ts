import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { syncServiceName } from '../../src/contract/operator-names.ts';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, getJson, getNetExporter, metricsOf } from './agents.ts';
import {
  deadline,
  type Environment,
  environment,
  operatorNamespace,
  quick,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  scaleOperator,
  tellOnFailure,
  waitForAgents,
  waitForSync,
} from './environment.ts';
import { WatchedFleet } from './watched-fleet.ts';

const namespace = 'e2e-away';
const name = 'away';
const awayMs = 120_000;
/** Agents probe every second; a machine that is busy starting a node may hold them up. */
const longestPauseSeconds = 10;
let env: Environment;
let fleet: WatchedFleet;
let agents: Agent[];
let joined: string | undefined;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  agents = await readyNetExporter(env, namespace, name, { dns: quick, network: quick });
  fleet = new WatchedFleet(env, namespace, name);
  await fleet.allDialled(agents);
});

after(async () => {
  if (joined !== undefined) await env.cluster.removeNode(joined);
  await scaleOperator(env.kubectl, 2);
  await removeNamespace(env.kubectl, namespace);
});

/** The agent of a node that is ready, once there is one that is not `but`. */
function agentOn(node: string, but?: string): Promise<Agent> {
  return waitFor(
    `an agent on ${node}`,
    async () => (await fleet.agents()).find((agent) => agent.node === node && agent.uid !== but && agent.ready),
    { timeout: deadline },
  );
}

test('with both operators away for two minutes, while agents and nodes come and go, every agent probes all the time', async (t) => {
  tellOnFailure(t, env, namespace);
  const [old, witness] = agents as [Agent, Agent];
  const brokenSettings = async () => (await metricsOf(witness)).sum('net_exporter_settings_last_load_successful') === 0;
  const patch = (kind: string, object: string, change: object) =>
    env.kubectl(['patch', kind, '-n', namespace, object, '--type=merge', '-p', JSON.stringify(change)]);
  assert.equal(await brokenSettings(), false);
  await scaleOperator(env.kubectl, 0);
  const backAt = performance.now() + awayMs;
  const args = ['endpointslice', '-n', operatorNamespace, syncServiceName];
  const { endpoints } = await getJson<{ endpoints?: object[] | null }>(env.kubectl, args);
  assert.deepEqual(endpoints ?? [], [], 'agents are refused at once');

  const pauses = await fleet.pausesDuring(async () => {
    // The API server still takes an edit; nobody tells the agents.
    await patch('netexporter', name, { spec: { dns: { interval: '2s' } } });
    assert.deepEqual((await fleet.observe(() => fleet.moreDials(agents))).dialErrors, {});
    await env.kubectl(['delete', 'pod', '-n', namespace, old.pod]);
    joined = (await env.cluster.addNode()).name;
    await fleet.moreDials([await agentOn(old.node, old.uid), await agentOn(joined)]);

    await patch('configmap', `${name}-agent`, { data: { 'settings.json': '{"version": 1, broken' } });
    await waitFor('the settings that cannot be read to be reported', brokenSettings, { timeout: deadline });
    assert.match(await env.kubectl(['logs', '-n', namespace, witness.pod]), /settings.*not valid JSON/);

    await env.cluster.removeNode(joined);
    await fleet.collectPodsOf(joined);
    joined = undefined;
    await sleep(Math.max(0, backAt - performance.now()));
    await fleet.moreDials([witness]);
  });
  t.diagnostic(`the longest pauses of agents: ${JSON.stringify(pauses)}`);
  assert.ok(Object.keys(pauses).length > agents.length, 'those that came are among them');
  for (const [pod, seconds] of Object.entries(pauses)) assert.ok(seconds < longestPauseSeconds, pod);

  await scaleOperator(env.kubectl, 2);
  await waitFor('the settings to be mended', async () => !(await brokenSettings()), { timeout: deadline });
  agents = await waitForAgents(env.kubectl, namespace, name, env.cluster.nodes.length);
  await waitForSync(env.kubectl, namespace, name, agents.length);
  const { metadata } = await getNetExporter(env.kubectl, namespace, name);
  for (const agent of agents)
    await waitFor(
      `the edit on ${agent.pod}`,
      async () => (await metricsOf(agent)).sum('net_exporter_settings_generation') === metadata.generation,
      { timeout: deadline },
    );
});
