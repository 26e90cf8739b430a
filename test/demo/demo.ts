import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prometheus } from '../cluster/prometheus.ts';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, agentsOf, getJson, getNetExporter, hostOf, isReady, type Kubectl } from '../e2e/agents.ts';
import { missingSeries } from '../e2e/expected-series.ts';
import { applySample, installOperator, sample } from '../e2e/installation.ts';
import { type DemoCluster, existingCluster, localCluster } from './demo-cluster.ts';
import { latencyTable } from './latency-table.ts';

export interface DemoOptions {
  /** Nodes of the local cluster. */
  nodes: number;
  /** An existing cluster to use instead. */
  kubeconfig?: string;
  /** Aborted when the user wants to end it. */
  signal: AbortSignal;
  log: (line: string) => void;
  /** Resolves when what was shown may be taken away again. */
  untilStopped: () => Promise<void>;
}

const { namespace, name } = sample;

/** Generous: a slow machine is no failure. Milliseconds. */
const deadline = 300_000;

/**
 * The main job, shown: a cluster, the operator, a NetExporter and a Prometheus that scrapes its agents. Everything it made is
 * gone when it resolves or rejects.
 * @returns the exit code: 0 when everything was really there, or 130 when it was stopped before
 */
export async function runDemo({ nodes, kubeconfig, signal, log, untilStopped }: DemoOptions): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'net-exporter-demo-'));
  const cleanups: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  try {
    const cluster =
      kubeconfig === undefined
        ? await localCluster({ nodes, signal, log }, cleanups)
        : await existingCluster({ kubeconfig, directory, log }, cleanups);
    signal.throwIfAborted();
    log('installing the operator: kubectl apply -f manifests/install.yaml');
    await installOperator(cluster.kubectl);
    signal.throwIfAborted();
    log('asking for agents: kubectl apply -f manifests/samples/namespace.yaml -f manifests/samples/default.yaml');
    await applySample(cluster.kubectl);
    const agents = await waitForReady(cluster.kubectl, signal);

    log('starting Prometheus');
    const prometheus = await Prometheus.start({
      kubeconfig: cluster.kubeconfig,
      directory,
      scrapeIntervalSeconds: 5,
      port: 9090,
      ...cluster.scraping,
    });
    cleanups.push(() => prometheus.stop());
    await waitForSeries(cluster, prometheus, agents, signal);
    await show(cluster, prometheus, agents, log);
    await untilStopped();
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    log(`${(signal.reason as Error).message}`);
    return 130;
  } finally {
    log('cleaning up');
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

async function waitForReady(kubectl: Kubectl, signal: AbortSignal): Promise<Agent[]> {
  return waitFor(
    'a ready agent on every node',
    async () => {
      const object = await getNetExporter(kubectl, namespace, name);
      const desired = object.status?.agents.desired ?? 0;
      if (desired === 0 || !isReady(object, desired)) throw new Error(JSON.stringify(object.status?.conditions));
      const agents = await agentsOf(kubectl, namespace, name);
      return agents.length === desired ? agents : undefined;
    },
    { timeout: deadline, interval: 500, signal },
  );
}

async function waitForSeries(
  { kubectl }: DemoCluster,
  prometheus: Prometheus,
  agents: Agent[],
  signal: AbortSignal,
): Promise<void> {
  const { hosts } = (await getNetExporter(kubectl, namespace, name)).spec.dns;
  await waitFor(
    'latencies of every agent in Prometheus',
    async () => {
      const missing = await missingSeries(prometheus, { namespace, name, agents, hosts });
      if (missing.length > 0) throw new Error(`${missing.length} series are missing, among them ${missing[0]}`);
      return (await latencyTable(prometheus, { namespace, name, agents })).complete;
    },
    { timeout: deadline, interval: 1000, signal },
  );
}

async function show(
  cluster: DemoCluster,
  prometheus: Prometheus,
  agents: Agent[],
  log: (line: string) => void,
): Promise<void> {
  const operator = await getJson<{ items: { status: { podIP: string } }[] }>(cluster.kubectl, [
    ...['pods', '-n', 'net-exporter-system', '-l', 'app.kubernetes.io/name=net-exporter-operator'],
  ]);
  const lines = [
    '',
    await cluster.kubectl(['get', 'netexporter', '-n', namespace, name]),
    ...(await latencyTable(prometheus, { namespace, name, agents })).lines,
    '',
    `Prometheus  ${prometheus.url}`,
    ...agents.map((agent) => `agent       http://${hostOf(agent)}/  (${agent.node})`),
    ...operator.items.map(({ status }) => `operator    http://${status.podIP}:8080/metrics`),
    '',
    'Edit the hosts and watch the table change in Prometheus, without a restart:',
    `  ${cluster.kubectlCommand} edit netexporter -n ${namespace} ${name}`,
    '',
  ];
  for (const line of lines) log(line.trimEnd());
}
