import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, hostOf, metricsOf } from './agents.ts';
import {
  deadline,
  type Environment,
  eachReached,
  environment,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
  waitForAgents,
} from './environment.ts';
import { hasPeer, WatchedFleet } from './watched-fleet.ts';

const namespace = 'e2e-planned';
const name = 'planned';
const latencyCount = 'network_latency_seconds_count';
/** Patient, unlike most tests: what is lost on a busy machine is no error of what was planned. */
const probing = { interval: '2s', timeout: '2s' };
let env: Environment;
let fleet: WatchedFleet;
let agents: Agent[];

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  // Without the Service: that its endpoints end is kube-proxy's to know.
  const network = { ...probing, protocols: ['TCP', 'UDP'], service: false };
  agents = await readyNetExporter(env, namespace, name, { dns: probing, network });
  fleet = new WatchedFleet(env, namespace, name);
  await fleet.allDialled(agents);
});

after(async () => {
  for (const { name: node } of env.cluster.nodes) await env.kubectl(['uncordon', node]);
  await removeNamespace(env.kubectl, namespace);
});

test('a rollout that also changes the agents’ port makes no dial error, and gone agents leave no series', async (t) => {
  tellOnFailure(t, env, namespace);
  const old = agents;
  const { dialErrors } = await fleet.observe(async () => {
    const patch = JSON.stringify({ spec: { agent: { port: 8001 } } });
    await env.kubectl(['patch', 'netexporter', '-n', namespace, name, '--type=merge', '-p', patch]);
    await waitFor('agents at the new port', async () => (await fleet.agents()).every(({ port }) => port === 8001), {
      timeout: deadline,
    });
    agents = await waitForAgents(env.kubectl, namespace, name, env.cluster.nodes.length);
    await fleet.allDialled(agents);
  });
  assert.deepEqual(dialErrors, {});
  const gone = new Set(old.map(hostOf));
  for (const agent of agents)
    assert.deepEqual(
      (await metricsOf(agent)).find('network_dial_error_total').filter(({ labels }) => gone.has(labels.host!)),
      [],
    );
});

test('a rollout makes no dial error of the Service either, with a kube-proxy that syncs every 10 s', async (t) => {
  tellOnFailure(t, env, namespace);
  await env.cluster.restartProxies(['--iptables-min-sync-period=10s']);
  try {
    const patch = (spec: object) =>
      env.kubectl(['patch', 'netexporter', '-n', namespace, name, '--type=merge', '-p', JSON.stringify({ spec })]);
    await patch({ network: { service: true } });
    const dialsService = async () =>
      Promise.all(agents.map(async (agent) => (await metricsOf(agent)).find(latencyCount, { peer_node: '' }))).then(
        (series) => series.every((ofAgent) => ofAgent.some(({ value }) => value > 0)),
      );
    await waitFor('dials of the Service', dialsService, { timeout: deadline });
    const from = performance.now();
    const { dialErrors } = await fleet.observe(async () => {
      const old = new Set(agents.map(({ uid }) => uid));
      await patch({ agent: { podAnnotations: { 'example.com/rollout': '1' } } });
      const replaced = async () => {
        const now = await fleet.agents();
        return now.length === agents.length && now.every(({ uid, ready }) => !old.has(uid) && ready);
      };
      await waitFor('new agents', replaced, { timeout: 2 * deadline });
      agents = await waitForAgents(env.kubectl, namespace, name, env.cluster.nodes.length);
      await fleet.allDialled(agents);
      await waitFor('dials of the Service', dialsService, { timeout: deadline });
    });
    t.diagnostic(`the rollout took ${((performance.now() - from) / 1000).toFixed(0)} s`);
    assert.deepEqual(dialErrors, {});
    await patch({ network: { service: false } });
  } finally {
    await env.cluster.restartProxies();
  }
});

test('each node in turn is drained, cut off and back: no dial error of the others, and it is probed again', async (t) => {
  tellOnFailure(t, env, namespace);
  for (const off of agents) {
    const others = agents.filter((agent) => agent !== off);
    const { dialErrors } = await fleet.observe(async () => {
      const seconds = await fleet.drain(off.node, others);
      t.diagnostic(`${off.node} was left alone after ${seconds.toFixed(2)} s`);
      assert.ok(await hasPeer(off, others[0]!.node), 'the agent of a drained node goes on probing others');
      await fleet.whileCutOff(off, () => fleet.moreDials(others));
      await env.kubectl(['uncordon', off.node]);
      await fleet.allDialled(agents);
    });
    // What it had sent before it was heard again is not to be counted in the next turn.
    await eachReached([off]);
    // The agent itself, which a drain leaves running, sees nobody while it is cut off.
    const ofOthers = Object.keys(dialErrors).filter((link) => !link.startsWith(`${off.pod} `));
    assert.deepEqual(ofOthers, []);
  }
});

test('a node that is cut off without notice stays a target, and its errors go on', async (t) => {
  tellOnFailure(t, env, namespace);
  const [off, ...others] = agents as [Agent, ...Agent[]];
  await fleet.whileCutOff(off, async () => {
    for (const agent of others)
      for (const count of [1, 5])
        await waitFor(
          `${count} errors of ${agent.pod} for ${off.node}`,
          async () => (await metricsOf(agent)).sum('network_dial_error_total', { peer_node: off.node }) >= count,
          { timeout: deadline },
        );
  });
});
