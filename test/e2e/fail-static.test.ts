import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { formatHostPort } from '../../src/base/host-port.ts';
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
import type { Metrics } from './metrics.ts';

const namespace = 'e2e-fail-static';
const name = 'static';
const host = 'kubernetes.default.svc.cluster.local.';
let env: Environment;
let agents: Agent[];

/** What is taken away, with the number of replicas that it comes back with. */
const deployments = [
  { args: ['-n', 'net-exporter-system', 'deployment/net-exporter-operator'], replicas: 0 },
  { args: ['-n', 'kube-system', 'deployment/coredns'], replicas: 0 },
];

before(async () => {
  env = await environment();
  for (const deployment of deployments)
    deployment.replicas = (await getJson<{ spec: { replicas: number } }>(env.kubectl, deployment.args)).spec.replicas;
  await restrictedNamespace(env.kubectl, namespace);
  agents = await readyNetExporter(env, namespace, name, { dns: { ...quick, hosts: [host] }, network: quick });
  const dialled = agents.length; // each other agent, and the Service
  for (const agent of agents)
    await waitFor(
      `probes of everything by ${agent.pod}`,
      async () => {
        const metrics = await metricsOf(agent);
        const counts = ['network_latency_seconds_count', 'dns_latency_seconds_count'].map((count) =>
          metrics.find(count),
        );
        return counts[0]!.length >= dialled && counts.flat().every(({ value }) => value > 0);
      },
      { timeout: deadline },
    );
});

after(async () => {
  await bringBack();
  await removeNamespace(env.kubectl, namespace);
});

/** Starts the API server, and what would wait long until it looks for it again. */
async function endOutage(): Promise<void> {
  await env.cluster.startComponent('apiserver');
  await env.cluster.restartWatchers();
}

/** Starts what was stopped; what runs is left as it is. */
async function bringBack(): Promise<void> {
  await env.cluster.startComponent('apiserver');
  for (const { args, replicas } of deployments) await env.kubectl(['scale', ...args, `--replicas=${replicas}`]);
  for (const { args } of deployments) await env.kubectl(['rollout', 'status', ...args, '--timeout=180s']);
}

/** Takes the operator and CoreDNS away, and waits until none of their pods is left. */
async function scaleToZero(): Promise<void> {
  for (const { args } of deployments) await env.kubectl(['scale', ...args, '--replicas=0']);
  for (const [where, selector] of [
    ['net-exporter-system', 'app.kubernetes.io/name=net-exporter-operator'],
    ['kube-system', 'k8s-app=kube-dns'],
  ] as const)
    await env.kubectl(['wait', '--for=delete', 'pod', '-n', where, '-l', selector, '--timeout=120s']);
}

/**
 * Waits until each series of `metric` has risen by two on every agent. @returns what the agents served before and after
 */
async function turnsOf(metric: string): Promise<{ before: Metrics; after: Metrics }[]> {
  return await Promise.all(
    agents.map(async (agent) => {
      const before = await metricsOf(agent);
      const after = await waitFor(
        `${metric} of ${agent.pod} to rise`,
        async () => {
          const now = await metricsOf(agent);
          const risen = before.find(metric).every(({ labels, value }) => now.sum(metric, labels) >= value + 2);
          return risen && before.find(metric).length > 0 ? now : undefined;
        },
        { timeout: deadline },
      );
      return { before, after };
    }),
  );
}

/**
 * Waits until every agent asks the DNS pods that there are now: with all of them new, the series of those before go.
 */
async function askedAreThere(): Promise<void> {
  await waitFor(
    'agents to ask the DNS pods that there are',
    async () => {
      const { items } = await getJson<{ items: { status: { podIP?: string } }[] }>(env.kubectl, [
        ...['pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns'],
      ]);
      const asked = (await Promise.all(agents.map(metricsOf))).map((metrics) =>
        metrics.find('dns_latency_seconds_count').map(({ labels }) => labels.server),
      );
      return asked.every((servers) =>
        items.every(({ status }) => servers.includes(formatHostPort(status.podIP ?? '', 53))),
      );
    },
    { timeout: deadline },
  );
}

const hostsDialled = (metrics: Metrics) =>
  metrics
    .find('network_dial_error_total')
    .map(({ labels }) => `${labels.protocol} ${labels.host}`)
    .sort();

function assertNoRise({ before, after }: { before: Metrics; after: Metrics }, counters: string[]): void {
  for (const counter of counters) assert.equal(after.sum(counter), before.sum(counter), counter);
}

test('with the API server gone, agents probe as before', async (t) => {
  tellOnFailure(t, env, namespace);
  await env.cluster.killComponent('apiserver');
  await assert.rejects(env.kubectl(['get', '--raw=/readyz']));
  const network = await turnsOf('network_latency_seconds_count');
  const dns = await turnsOf('dns_latency_seconds_count');
  for (const scraped of [...network, ...dns])
    assertNoRise(scraped, [
      'network_dial_error_total',
      'dns_resolve_error_total',
      'dns_error_total',
      'network_error_total',
    ]);
  await endOutage();
});

test('with operator, DNS and API server gone together, agents probe what they know, one that starts anew too', async (t) => {
  tellOnFailure(t, env, namespace);
  await scaleToZero();
  const [restarted, ...others] = agents as [Agent, ...Agent[]];
  const [pid] = await processesOf(env.cluster, namespace, restarted.pod, 'agent');
  await env.cluster.killComponent('apiserver');

  const network = await turnsOf('network_latency_seconds_count');
  const dns = await turnsOf('dns_resolve_error_total');
  for (const scraped of [...network, ...dns]) {
    assertNoRise(scraped, ['network_dial_error_total', 'dns_error_total', 'network_error_total']);
    assert.deepEqual(hostsDialled(scraped.after), hostsDialled(scraped.before));
  }

  // Killed without a word: the kubelet starts the container again, with nobody there to tell it or the agent anything.
  const known = await metricsOf(restarted);
  process.kill(pid!, 'SIGKILL');
  const again = await waitFor(
    `probes by ${restarted.pod} of all that it knew`,
    async () => {
      const metrics = await metricsOf(restarted);
      const started = 'process_start_time_seconds';
      const dialled = metrics.find('network_latency_seconds_count');
      return (
        metrics.sum(started) > known.sum(started) &&
        dialled.length === known.find('network_latency_seconds_count').length &&
        dialled.every(({ value }) => value >= 2) &&
        metrics.sum('dns_resolve_error_total', { host }) >= 2 &&
        metrics
      );
    },
    { timeout: deadline },
  );
  assert.deepEqual(hostsDialled(again), hostsDialled(known));
  const generation = 'net_exporter_settings_generation';
  assert.equal(again.sum(generation), known.sum(generation));
  assert.equal(again.sum('network_dial_error_total'), 0);
  assert.equal(again.sum('dns_error_total') + again.sum('network_error_total'), 0);
  assert.ok(others.length > 0);

  await endOutage();
  await bringBack();
  const log = await env.kubectl(['logs', '-n', namespace, restarted.pod]);
  assert.match(log.split('\n').find((line) => line.includes('applied settings')) ?? log, /"source":"copy"/);
  agents = await waitForAgents(env.kubectl, namespace, name, env.cluster.nodes.length);
  const restarts = (await agentsOf(env.kubectl, namespace, name)).map((agent) => `${hostOf(agent)} ${agent.restarts}`);
  assert.deepEqual(
    restarts.sort(),
    agents.map((agent) => `${hostOf(agent)} ${agent.pod === restarted.pod ? 1 : 0}`).sort(),
  );
  await askedAreThere();
  const well = await turnsOf('dns_latency_seconds_count');
  for (const { after } of well) assert.equal(after.sum('dns_error_total') + after.sum('network_error_total'), 0);
});
