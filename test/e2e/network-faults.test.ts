import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { formatHostPort } from '../../src/base/host-port.ts';
import { addressMatch } from '../cluster/network-policy.ts';
import { waitFor } from '../cluster/wait.ts';
import { forwardTable } from '../judge/packet-rules.ts';
import { type Agent, clusterIpOf, getJson, hostOf, metricsOf } from './agents.ts';
import {
  deadline,
  type Environment,
  eachReached,
  environment,
  quick,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
  waitForAgents,
} from './environment.ts';

const namespace = 'e2e-network';
const table = 'net_exporter_e2e';
let env: Environment;
let agents: Agent[];
/** The agents' own Service as a target: its dials may land on any agent. */
let serviceHost: string;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
  const network = { ...quick, protocols: ['TCP', 'UDP'] };
  agents = await readyNetExporter(env, namespace, 'faults', { dns: quick, network });
  serviceHost = formatHostPort(await clusterIpOf(env.kubectl, namespace, 'faults-agent'), 8000);
  await allDialled();
});

after(() => removeNamespace(env.kubectl, namespace));

/** Waits until every agent has reached every other one, by both protocols, and the Service. */
async function allDialled(): Promise<void> {
  for (const agent of agents)
    for (const host of [...agents.filter((peer) => peer !== agent).map(hostOf), serviceHost])
      for (const protocol of host === serviceHost ? ['TCP'] : ['TCP', 'UDP'])
        await waitFor(
          `${protocol} dials of ${host} by ${agent.pod}`,
          async () => (await metricsOf(agent)).sum('network_latency_seconds_count', { host, protocol }) > 0,
          { timeout: deadline },
        );
}

/** Errors by agent and dialled host: `node host`. */
async function dialErrors(protocol = 'TCP'): Promise<Map<string, number>> {
  const errors = new Map<string, number>();
  for (const agent of agents)
    for (const { labels, value } of (await metricsOf(agent)).find('network_dial_error_total', { protocol }))
      errors.set(`${agent.node} ${labels.host}`, value);
  return errors;
}

/** The links whose errors have risen since `before`, those to the Service apart. */
function risen(before: Map<string, number>, now: Map<string, number>): { links: string[]; service: string[] } {
  const names = [...now].filter(([name, value]) => value > (before.get(name) ?? 0)).map(([name]) => name);
  const isService = (name: string) => name.endsWith(` ${serviceHost}`);
  return { links: names.filter((name) => !isService(name)).sort(), service: names.filter(isService) };
}

/** Matches what one agent sends to another one. */
function between(from: Agent, to: Agent): string {
  return `${addressMatch('saddr', from.ip)} ${addressMatch('daddr', to.ip)}`;
}

/** Drops what the rules match on its way out of a node, while `body` runs. */
async function withDropRules(node: string, matches: string[], body: () => Promise<void>): Promise<void> {
  const rules = matches.map((match) => `${match} drop`);
  await env.cluster.exec(node, ['nft', '-f', '-'], { input: forwardTable(table, rules) });
  try {
    await body();
  } finally {
    await env.cluster.exec(node, ['nft', 'delete', 'table', 'inet', table]);
  }
}

/**
 * Waits until the errors of each of `links` have risen by three, so that any other that shares their cause shows too.
 */
async function waitForErrors(
  before: Map<string, number>,
  links: string[],
  protocol = 'TCP',
): Promise<Map<string, number>> {
  return waitFor(
    `errors of ${links.join(' and ')}`,
    async () => {
      const now = await dialErrors(protocol);
      return links.every((link) => (now.get(link) ?? 0) >= (before.get(link) ?? 0) + 3) ? now : undefined;
    },
    { timeout: deadline },
  );
}

/** Waits until every agent dials everything again without an error. */
async function waitForRecovery(): Promise<void> {
  await waitFor(
    'dials without errors',
    async () => {
      const before = await dialErrors();
      await eachReached(agents);
      const { links, service } = risen(before, await dialErrors());
      return links.length + service.length === 0;
    },
    { timeout: deadline },
  );
}

test("dropped connections from A to B raise A's errors for B, and nobody else's", async (t) => {
  tellOnFailure(t, env, namespace);
  const [a, b] = agents as [Agent, Agent];
  const before = await dialErrors();
  await withDropRules(a.node, [`${between(a, b)} tcp dport ${b.port}`], async () => {
    const now = await waitForErrors(before, [`${a.node} ${hostOf(b)}`]);
    const { links, service } = risen(before, now);
    assert.deepEqual(links, [`${a.node} ${hostOf(b)}`]);
    assert.ok(
      service.every((name) => name.startsWith(`${a.node} `)),
      `${service}`,
    );
    assert.ok((await metricsOf(a)).sum('network_failures_total', { reason: 'timeout' }) > 0);
    assert.equal((await metricsOf(a)).sum('network_error_total'), 0, "the network's fault is not the agent's own");
  });
  await waitForRecovery();
});

test('all packets from A to B dropped: the dials of both fail, and of nobody else', async (t) => {
  tellOnFailure(t, env, namespace);
  const [a, b] = agents as [Agent, Agent];
  const before = await dialErrors();
  // Limited to the agents' port on either side, so that DNS is not touched.
  const matches = [`${between(a, b)} tcp dport ${b.port}`, `${between(a, b)} tcp sport ${a.port}`];
  await withDropRules(a.node, matches, async () => {
    const both = [`${a.node} ${hostOf(b)}`, `${b.node} ${hostOf(a)}`].sort();
    const { links, service } = risen(before, await waitForErrors(before, both));
    assert.deepEqual(links, both);
    assert.ok(
      service.every((name) => name.startsWith(`${a.node} `) || name.startsWith(`${b.node} `)),
      `${service}`,
    );
  });
  await waitForRecovery();
});

test('echoes are answered at every address of every agent, of each family that the cluster has', async (t) => {
  tellOnFailure(t, env, namespace);
  const families = (
    await getJson<{ status: { podIPs: unknown[] } }>(env.kubectl, ['pod', '-n', namespace, agents[0]!.pod])
  ).status.podIPs.length;
  for (const agent of agents)
    await waitFor(
      `answers to all echoes of ${agent.pod}`,
      async () => {
        const counts = (await metricsOf(agent)).find('network_latency_seconds_count', { protocol: 'UDP' });
        return counts.length === (agents.length - 1) * families && counts.every(({ value }) => value > 0);
      },
      { timeout: deadline },
    );
});

test("dropped UDP packets from A to B raise A's losses for B, on the way there, and nobody else's and no TCP", async (t) => {
  tellOnFailure(t, env, namespace);
  const [a, b] = agents as [Agent, Agent];
  const link = `${a.node} ${hostOf(b)}`;
  const lost = async (direction: string) =>
    (await metricsOf(a)).sum('network_echo_lost_total', { host: hostOf(b), direction });
  const [tcpBefore, udpBefore, answersLost] = [await dialErrors(), await dialErrors('UDP'), await lost('return')];
  const forwardBefore = await lost('forward');
  await withDropRules(a.node, [`${between(a, b)} udp dport ${b.port}`], async () => {
    const lostBefore = (await metricsOf(a)).sum('network_failures_total', { protocol: 'UDP', reason: 'lost' });
    const { links } = risen(udpBefore, await waitForErrors(udpBefore, [link], 'UDP'));
    assert.deepEqual(links, [link]);
    const metrics = await metricsOf(a);
    assert.ok(metrics.sum('network_failures_total', { protocol: 'UDP', reason: 'lost' }) > lostBefore);
    assert.equal(metrics.sum('network_error_total'), 0, "the network's fault is not the agent's own");
  });
  // B's counts tell which way it was as soon as B is heard again.
  await waitFor('the direction of the losses', async () => (await lost('forward')) > forwardBefore, {
    timeout: deadline,
  });
  assert.equal(await lost('return'), answersLost);
  assert.deepEqual(risen(tcpBefore, await dialErrors()), { links: [], service: [] });
  await waitForRecovery();
});

test('a deleted agent leaves no series and no lasting error on its peers, which dial its successor', async (t) => {
  tellOnFailure(t, env, namespace);
  const gone = agents[0]!;
  const peers = agents.slice(1);
  await env.kubectl(['delete', 'pod', '-n', namespace, gone.pod]);
  for (const peer of peers)
    await waitFor(
      `every series of ${hostOf(gone)} to leave ${peer.pod}`,
      async () => {
        const metrics = await metricsOf(peer);
        const names = [
          'latency_seconds_bucket',
          'latency_seconds_count',
          'dial_error_total',
          'retransmits_total',
          'echo_lost_total',
        ];
        return names.every((name) => metrics.find(`network_${name}`, { host: hostOf(gone) }).length === 0);
      },
      { timeout: deadline },
    );
  agents = await waitForAgents(env.kubectl, namespace, 'faults', env.cluster.nodes.length);
  await allDialled();
  await waitForRecovery();
});
