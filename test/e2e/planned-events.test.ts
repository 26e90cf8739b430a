import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, agentsOf, getJson, hostOf, metricsOf } from './agents.ts';
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
import type { Metrics } from './metrics.ts';

const namespace = 'e2e-planned';
const name = 'planned';
const table = 'net_exporter_e2e_planned';
let env: Environment;
let agents: Agent[];

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  // Without the Service: that its endpoints end is kube-proxy's to know.
  const network = { ...quick, protocols: ['TCP', 'UDP'], service: false };
  agents = await readyNetExporter(env, namespace, name, { dns: quick, network });
  await allDialled();
});

after(async () => {
  for (const { name: node } of env.cluster.nodes) await env.kubectl(['uncordon', node]);
  await removeNamespace(env.kubectl, namespace);
});

const isPeer = (metrics: Metrics, node: string) =>
  metrics.find('network_latency_seconds_count', { peer_node: node }).length > 0;

/** Waits until every agent has reached every other one as the operator told it to. */
async function allDialled(): Promise<void> {
  for (const agent of agents)
    for (const peer of agents.filter((other) => other !== agent))
      await waitFor(
        `dials of ${peer.node} by ${agent.pod}`,
        async () => {
          const labels = { host: hostOf(peer), peer_node: peer.node, protocol: 'TCP' };
          return (await metricsOf(agent)).sum('network_latency_seconds_count', labels) > 0;
        },
        { timeout: deadline },
      );
}

/** Looks at every agent again and again, those that are about to end among them, while `body` runs. @returns the errors they showed */
async function dialErrorsDuring(body: () => Promise<void>): Promise<Record<string, number>> {
  const errors: Record<string, number> = {};
  let running = true;
  const look = async () => {
    for (const agent of await agentsOf(env.kubectl, namespace, name)) {
      // It may have ended since it was listed, or be cut off.
      const metrics = await metricsOf(agent).catch(() => undefined);
      for (const { labels, value } of metrics?.find('network_dial_error_total') ?? [])
        if (value > 0) errors[`${agent.pod} → ${labels.host} ${labels.protocol}`] = value;
    }
  };
  const lookAgain = async () => {
    for (; running; await sleep(200)) await look();
    await look();
  };
  const looking = lookAgain();
  try {
    await body();
  } finally {
    running = false;
    await looking;
  }
  return errors;
}

test('a rollout that also changes the agents’ port makes no dial error, and gone agents leave no series', async (t) => {
  tellOnFailure(t, env, namespace);
  const old = agents;
  const errors = await dialErrorsDuring(async () => {
    const patch = JSON.stringify({ spec: { agent: { port: 8001 } } });
    await env.kubectl(['patch', 'netexporter', '-n', namespace, name, '--type=merge', '-p', patch]);
    await waitFor(
      'agents at the new port',
      async () => (await agentsOf(env.kubectl, namespace, name)).every(({ port }) => port === 8001),
      { timeout: deadline },
    );
    agents = await waitForAgents(env.kubectl, namespace, name, env.cluster.nodes.length);
    await allDialled();
  });
  assert.deepEqual(errors, {});
  const gone = new Set(old.map(hostOf));
  for (const agent of agents)
    assert.deepEqual(
      (await metricsOf(agent)).find('network_dial_error_total').filter(({ labels }) => gone.has(labels.host!)),
      [],
    );
});

test('a node that was cordoned before it is switched off makes no dial error, and is probed again afterwards', async (t) => {
  tellOnFailure(t, env, namespace);
  const [off, ...others] = agents as [Agent, ...Agent[]];
  const errors = await dialErrorsDuring(async () => {
    await env.kubectl(['cordon', off.node]);
    for (const agent of others)
      await waitFor(`${agent.pod} to leave ${off.node} alone`, async () => !isPeer(await metricsOf(agent), off.node), {
        timeout: deadline,
        interval: 50,
      });
    assert.ok(isPeer(await metricsOf(off), others[0]!.node), 'the agent of a cordoned node goes on probing others');
    await whileCutOff(off, () => moreDials(others));
    await env.kubectl(['uncordon', off.node]);
    await allDialled();
  });
  // The agent itself sees nobody while it is cut off.
  const ofOthers = Object.keys(errors).filter((link) => !link.startsWith(`${off.pod} `));
  assert.deepEqual(ofOthers, []);
});

test('a node that is cut off without notice stays a target, and its errors go on', async (t) => {
  tellOnFailure(t, env, namespace);
  const [off, ...others] = agents as [Agent, ...Agent[]];
  await whileCutOff(off, async () => {
    for (const agent of others)
      for (const count of [1, 5])
        await waitFor(
          `${count} errors of ${agent.pod} for ${off.node}`,
          async () => (await metricsOf(agent)).sum('network_dial_error_total', { peer_node: off.node }) >= count,
          { timeout: deadline },
        );
  });
});

/** Drops all that goes to and from an agent's pod, on its own node, while `body` runs. The kubelet still reaches it. */
async function whileCutOff({ pod, node }: Agent, body: () => Promise<void>): Promise<void> {
  const { status } = await getJson<{ status: { podIPs: { ip: string }[] } }>(env.kubectl, [
    'pod',
    '-n',
    namespace,
    pod,
  ]);
  const rules = status.podIPs.flatMap(({ ip }) =>
    ['saddr', 'daddr'].map((end) => `add rule inet ${table} forward ${isIPv6(ip) ? 'ip6' : 'ip'} ${end} ${ip} drop`),
  );
  const chain = `add chain inet ${table} forward { type filter hook forward priority -200; }`;
  await env.cluster.exec(node, ['nft', '-f', '-'], {
    input: `${[`add table inet ${table}`, chain, ...rules].join('\n')}\n`,
  });
  try {
    await body();
  } finally {
    await env.cluster.exec(node, ['nft', 'delete', 'table', 'inet', table]);
  }
}

/** Waits until each of these agents has dialled each peer several times more. */
async function moreDials(of: Agent[]): Promise<void> {
  const dials = async (agent: Agent) => (await metricsOf(agent)).sum('network_latency_seconds_count');
  for (const agent of of) {
    const before = await dials(agent);
    await waitFor(`more dials of ${agent.pod}`, async () => (await dials(agent)) > before + 30, { timeout: deadline });
  }
}
