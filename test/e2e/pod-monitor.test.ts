import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { agentMonitor, type ManifestObject } from '../../charts/agent/agent.ts';
import { operatorName } from '../../src/contract/operator-names.ts';
import type { NetExporter } from '../../src/crd/net-exporter.ts';
import { waitFor } from '../cluster/wait.ts';
import { ClusterApi } from '../faults/cluster-api.ts';
import { type Agent, agentsOf, conditionStatus, getJson, getNetExporter, metricsOf } from './agents.ts';
import { DryRun } from './dry-run.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  operatorNamespace,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';
import { podMonitorDefinition } from './monitoring-definitions.ts';
import { unrefused, violations } from './policy-violations.ts';
import type { PodMonitor } from './scrape-config.ts';

const namespace = 'e2e-pod-monitor';
const definition = podMonitorDefinition.metadata.name;
let env: Environment;

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
});

after(async () => {
  await env.kubectl(['delete', 'crd', definition, '--ignore-not-found']);
  await removeNamespace(env.kubectl, namespace);
});

async function isAnnotated(): Promise<boolean> {
  const service = ['service', '-n', namespace, 'monitored-agent-peers'];
  const { metadata } = await getJson<{ metadata: { annotations?: Record<string, string> } }>(env.kubectl, service);
  return metadata.annotations?.['prometheus.io/scrape'] === 'true';
}

async function monitors(): Promise<PodMonitor[]> {
  return (await getJson<{ items: PodMonitor[] }>(env.kubectl, [definition, '-n', namespace])).items;
}

async function assertUnharmed(agents: Agent[]): Promise<void> {
  const identity = ({ uid, restarts }: Agent) => ({ uid, restarts });
  const now = await agentsOf(env.kubectl, namespace, 'monitored');
  assert.deepEqual(now.map(identity), agents.map(identity));
  for (const agent of now) assert.ok((await metricsOf(agent)).find('net_exporter_build_info').length > 0);
  assert.equal(conditionStatus(await getNetExporter(env.kubectl, namespace, 'monitored'), 'Ready'), 'True');
  const operator = ['deployment', '-n', 'net-exporter-system', 'net-exporter-operator'];
  const { status } = await getJson<{ status: { readyReplicas?: number; replicas: number } }>(env.kubectl, operator);
  assert.equal(status.readyReplicas, status.replicas);
}

/** With the operator's token PodMonitors are what the operator declares, and nothing else. */
async function assertPolicy(): Promise<void> {
  const token = await env.kubectl(['create', 'token', operatorName, '-n', operatorNamespace]);
  const api = await ClusterApi.of(env.cluster.kubeconfig, token.trim());
  try {
    const resource = (await getJson(env.kubectl, ['netexporter', '-n', namespace, 'monitored'])) as NetExporter;
    const another = agentMonitor({ ...resource, metadata: { ...resource.metadata, name: 'another' } });
    const live = await getJson<ManifestObject>(env.kubectl, [definition, '-n', namespace, 'monitored-agent']);
    const dryRun = new DryRun(api);
    assert.equal(await dryRun.create(another[0]!), 'admitted');
    assert.equal(await dryRun.replace(live), 'admitted');
    assert.equal(await dryRun.delete(live), 'admitted');
    const tried = violations.filter(({ kind }) => kind === 'PodMonitor');
    assert.ok(tried.length >= 3);
    assert.deepEqual(await unrefused(dryRun, tried, { declared: agentMonitor(resource), another, live: [live] }), []);
  } finally {
    api.close();
  }
}

test('a PodMonitor comes with its API, goes with it, and takes turns with the annotations', async (t) => {
  tellOnFailure(t, env, namespace);
  const labels = { release: 'prometheus' };
  const agents = await readyNetExporter(env, namespace, 'monitored', { monitoring: { labels } });
  assert.equal(await isAnnotated(), true);

  await apply(env.kubectl, podMonitorDefinition);
  const [monitor] = await waitFor(
    'a PodMonitor after its API has come',
    async () => {
      const made = await monitors();
      return made.length === 1 ? made : undefined;
    },
    { timeout: deadline, interval: 500 },
  );
  assert.equal(monitor?.metadata.name, 'monitored-agent');
  assert.equal(monitor?.metadata.labels.release, 'prometheus');
  assert.equal(monitor?.spec.attachMetadata, undefined, 'Prometheus may have no rights to nodes');
  const selector = Object.entries(monitor?.spec.selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const selected = await getJson<{ items: object[] }>(env.kubectl, ['pods', '-n', namespace, '-l', selector.join(',')]);
  assert.equal(selected.items.length, agents.length);
  await waitFor('the annotations to go', async () => !(await isAnnotated()), { timeout: deadline });

  await assertPolicy();

  const relabel = ['label', definition, '-n', namespace, 'monitored-agent', 'release=other', '--overwrite'];
  await env.kubectl(relabel);
  const endpointOf = async () => (await monitors())[0]?.spec.podMetricsEndpoints[0];
  const release = async () => (await monitors())[0]?.metadata.labels.release;
  await waitFor('the label to be mended', async () => (await release()) === 'prometheus', { timeout: deadline });

  const edit = (monitoring: object) =>
    env.kubectl([
      ...['patch', 'nx', '-n', namespace, 'monitored', '--type=merge', '-p'],
      JSON.stringify({ spec: { monitoring } }),
    ]);
  const metricRelabelings = [
    { action: 'drop', sourceLabels: ['__name__'], regex: 'nodejs_.*' },
    { action: 'labeldrop', regex: 'peer_zone' },
  ];
  const scrape = { interval: '30s', timeout: '10s', metricRelabelings };
  await edit({ attachNodeMetadata: true, scrape });
  await waitFor('the scrape that the spec asks for', async () => (await endpointOf())?.interval === '30s', {
    timeout: deadline,
  });
  const [edited] = await monitors();
  assert.deepEqual(edited?.spec.attachMetadata, { node: true });
  assert.deepEqual((await endpointOf())?.metricRelabelings, metricRelabelings);
  await assertPolicy();
  await edit({ attachNodeMetadata: false, scrape: null });
  await waitFor('the scrape of the defaults', async () => (await endpointOf())?.interval === undefined, {
    timeout: deadline,
  });
  assert.equal((await monitors())[0]?.spec.attachMetadata, undefined);

  await edit({ podMonitor: 'None', networkPolicy: 'None' });
  await waitFor('the unwanted PodMonitor to go', async () => (await monitors()).length === 0, { timeout: deadline });
  const policies = () => getJson<{ items: object[] }>(env.kubectl, ['networkpolicies', '-n', namespace]);
  await waitFor('the unwanted policy to go', async () => (await policies()).items.length === 0, { timeout: deadline });
  await waitFor('the annotations to come back', isAnnotated, { timeout: deadline });
  await edit({ podMonitor: 'Auto', networkPolicy: 'Ingress' });
  await waitFor('the PodMonitor to come back', async () => (await monitors()).length === 1, { timeout: deadline });
  await waitFor('the annotations to go again', async () => !(await isAnnotated()), { timeout: deadline });
  await assertUnharmed(agents);

  await env.kubectl(['delete', 'crd', definition]);
  await waitFor('annotations after the API has gone', isAnnotated, { timeout: deadline });
  await assertUnharmed(agents);
});
