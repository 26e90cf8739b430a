import type { TestContext } from 'node:test';
import { Cluster } from '../cluster/cluster.ts';
import { PrometheusServer } from '../cluster/prometheus.ts';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, agentsOf, getJson, getNetExporter, isReady, type Kubectl, metricsOf } from './agents.ts';
import { SetupRecord, type SharedSetup } from './setup-record.ts';

/** Names a running local cluster that is to be used instead of one of the tests' own. */
export const clusterVariable = 'NET_EXPORTER_E2E_CLUSTER';
/** The folder by which setup.ts tells the tests what it has started. */
export const setupVariable = 'NET_EXPORTER_E2E_SETUP';

/** Where the operators are installed. */
export const operatorNamespace = 'net-exporter-system';

/** How often Prometheus scrapes. */
export const scrapeIntervalSeconds = 2;

/** Generous: a slow machine is no failure. Milliseconds. */
export const deadline = 180_000;

/**
 * What every end-to-end test works on: a cluster with the operator installed, and a Prometheus that scrapes its agents.
 */
export interface Environment {
  cluster: Cluster;
  kubectl: Kubectl;
  prometheus: PrometheusServer;
}

/**
 * Waits for a cluster that no other file of tests uses; it is this one's until its process ends. Without a cluster it
 * ends this process: `after` hooks would fail for want of one, too.
 */
export async function environment(): Promise<Environment> {
  return orExit(async () => attach(await SetupRecord.takeFirst(setupRecords())));
}

/** Waits until no other file of tests uses any of the clusters. As {@link environment}. */
export async function allEnvironments(): Promise<Environment[]> {
  return orExit(() => Promise.all(setupRecords().map(async (record) => attach(await record.take()))));
}

async function orExit<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

function setupRecords(): SetupRecord[] {
  const directory = process.env[setupVariable];
  if (directory) return SetupRecord.in(directory);
  throw new Error('the end-to-end tests need the clusters of test/e2e/setup.ts: run npm test, or npm run test:e2e');
}

async function attach({ cluster: name, prometheus }: SharedSetup): Promise<Environment> {
  const cluster = await Cluster.attach(name);
  if (!cluster) throw new Error(`the cluster ${name} does not run`);
  const kubectl: Kubectl = (args, options) => cluster.kubectl(args, options);
  return { cluster, kubectl, prometheus: new PrometheusServer(prometheus) };
}

/** 37 where the API server is of Kubernetes 1.37. */
export async function minorVersion(kubectl: Kubectl): Promise<number> {
  const { minor } = JSON.parse(await kubectl(['get', '--raw=/version'])) as { minor: string };
  return Number.parseInt(minor, 10);
}

/** A namespace that enforces Pod Security `restricted`, as users of hardened clusters have it. */
export async function restrictedNamespace(kubectl: Kubectl, namespace: string): Promise<void> {
  await apply(kubectl, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
  });
}

/** Has a namespace admit pods of a critical class, which the cluster refuses elsewhere, as GKE does. */
export async function admitClass(kubectl: Kubectl, namespace: string, priorityClassName: string): Promise<void> {
  await apply(kubectl, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { namespace, name: priorityClassName },
    spec: {
      hard: { pods: '100' },
      scopeSelector: {
        matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: [priorityClassName] }],
      },
    },
  });
}

/**
 * Takes a namespace of a test's own away with all that is in it, so that later tests have the machine to themselves.
 */
export async function removeNamespace(kubectl: Kubectl, namespace: string): Promise<void> {
  // The NetExporters first: while the operator sees them, it would make their children anew.
  await kubectl(['delete', 'netexporter', '-n', namespace, '--all', '--ignore-not-found']);
  await kubectl(['delete', 'namespace', namespace, '--ignore-not-found', '--wait=false']);
}

/** Runs so many operators, and waits until those are ready and the others are gone. */
export async function scaleOperator(kubectl: Kubectl, replicas: number): Promise<void> {
  const deployment = ['-n', operatorNamespace, 'deployment/net-exporter-operator'];
  await kubectl(['scale', ...deployment, `--replicas=${replicas}`]);
  await kubectl(['rollout', 'status', ...deployment, '--timeout=180s']);
  const args = ['pods', '-n', operatorNamespace, '-l', 'app.kubernetes.io/name=net-exporter-operator'];
  const pods = async () => (await getJson<{ items: unknown[] }>(kubectl, args)).items;
  await waitFor(`${replicas} operators`, async () => (await pods()).length === replicas, { timeout: deadline });
}

export async function apply(kubectl: Kubectl, object: object): Promise<void> {
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
}

export function netExporter(namespace: string, name: string, spec: object): object {
  return { apiVersion: 'net-exporter.dev/v1alpha1', kind: 'NetExporter', metadata: { namespace, name }, spec };
}

let edits = 0;

/**
 * Edits the hosts of a NetExporter, and waits until the edit has reached what its agents read.
 * @param interval between one look and the next, in milliseconds
 */
export async function editIsReconciled(
  kubectl: Kubectl,
  namespace: string,
  name: string,
  interval = 100,
): Promise<void> {
  const host = `edit-${++edits}.example.com.`;
  const patch = JSON.stringify({ spec: { dns: { hosts: [host] } } });
  await kubectl(['patch', 'nx', '-n', namespace, name, '--type=merge', '-p', patch]);
  await waitFor(
    `${host} in the settings of ${namespace}/${name}`,
    async () => {
      const configMap = ['configmap', '-n', namespace, `${name}-agent`];
      const { data } = await getJson<{ data: Record<string, string> }>(kubectl, configMap);
      return data['settings.json']?.includes(host);
    },
    { timeout: deadline, interval },
  );
}

/** Probing every second, so that tests of faults need not wait for the default ten. */
export const quick = { interval: '1s', timeout: '1s' };

/** Applies a NetExporter and waits until an agent is ready on every node. */
export async function readyNetExporter(
  { cluster, kubectl }: Environment,
  namespace: string,
  name: string,
  spec: object,
): Promise<Agent[]> {
  await apply(kubectl, netExporter(namespace, name, spec));
  return waitForAgents(kubectl, namespace, name, cluster.nodes.length);
}

/** Waits until a NetExporter's newest spec is in effect and returns its agents, one a node. */
export async function waitForAgents(
  kubectl: Kubectl,
  namespace: string,
  name: string,
  nodes: number,
): Promise<Agent[]> {
  return waitFor(
    `agents of ${namespace}/${name} on ${nodes} nodes`,
    async () => {
      const object = await getNetExporter(kubectl, namespace, name);
      const agents = await agentsOf(kubectl, namespace, name);
      if (!isReady(object, nodes)) throw new Error(JSON.stringify(object.status));
      return agents.length === nodes && agents.every(({ ready }) => ready) ? agents : undefined;
    },
    { timeout: deadline, interval: 500 },
  );
}

/**
 * Waits until a NetExporter's status says that all of so many agents have the present settings and targets, and report.
 */
export async function waitForSync(kubectl: Kubectl, namespace: string, name: string, agents: number): Promise<void> {
  await waitFor(
    `settings and targets on ${agents} agents of ${namespace}/${name}`,
    async () => {
      const { metadata, status } = await getNetExporter(kubectl, namespace, name);
      const propagated = status?.conditions.find(({ type }) => type === 'ConfigPropagated');
      if (propagated?.observedGeneration !== metadata.generation || propagated.status !== 'True')
        throw new Error(JSON.stringify(status));
      return status?.agents.configured === agents && status.agents.reporting === agents;
    },
    { timeout: deadline, interval: 250 },
  );
}

/**
 * Waits until each of these agents has reached each of its peers twice more. Turns of one target do not overlap:
 * whatever was under way before has come to its end, and is counted.
 */
export async function eachReached(agents: readonly Agent[]): Promise<void> {
  const dials = 'network_latency_seconds_count';
  await Promise.all(
    agents.map(async (agent) => {
      const before = (await metricsOf(agent)).find(dials);
      const reached = async () => {
        const now = await metricsOf(agent);
        return before.every(
          ({ labels, value }) => now.find(dials, labels).length === 0 || now.sum(dials, labels) >= value + 2,
        );
      };
      await waitFor(`${agent.pod} to reach each of its peers`, reached, { timeout: deadline });
    }),
  );
}

/**
 * Waits until the settings of this generation are in effect on an agent.
 * @param interval between one look and the next, in milliseconds
 * @returns when it was so, by `performance.now()`
 */
export async function inEffect(agent: Agent, generation: number, interval = 20): Promise<number> {
  const now = async () => (await metricsOf(agent)).sum('net_exporter_settings_generation') >= generation;
  await waitFor(`generation ${generation} on ${agent.pod}`, now, { timeout: deadline, interval });
  return performance.now();
}

/** Prints what a person would look at first when the test has failed. */
export function tellOnFailure(t: TestContext, { kubectl }: Environment, namespace: string): void {
  t.after(async () => {
    if (t.passed) return;
    for (const args of [
      ['get', 'netexporter', '-A', '-o', 'yaml'],
      ['get', 'pods', '-A', '-o', 'wide'],
      ['get', 'events', '-n', namespace, '--sort-by=.lastTimestamp'],
      ['get', 'lease', '-n', operatorNamespace, '-o', 'yaml'],
      ['logs', '-n', operatorNamespace, '-l', 'app.kubernetes.io/name=net-exporter-operator', '--tail=60', '--prefix'],
      ['logs', '-n', namespace, '-l', 'app.kubernetes.io/name=net-exporter-agent', '--tail=20', '--prefix'],
    ])
      t.diagnostic(`kubectl ${args.join(' ')}\n${await kubectl(args).catch((error: Error) => error.message)}`);
  });
}
