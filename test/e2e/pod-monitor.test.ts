import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, agentsOf, conditionStatus, getJson, getNetExporter, metricsOf } from './agents.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
} from './environment.ts';

const namespace = 'e2e-pod-monitor';
const definition = 'podmonitors.monitoring.coreos.com';
let env: Environment;

/** The Prometheus operator's definition, as far as a NetExporter is concerned: this API server serves it for real. */
const podMonitors = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: definition },
  spec: {
    group: 'monitoring.coreos.com',
    scope: 'Namespaced',
    names: { kind: 'PodMonitor', listKind: 'PodMonitorList', plural: 'podmonitors', singular: 'podmonitor' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        },
      },
    ],
  },
};

interface PodMonitor {
  metadata: { name: string; labels: Record<string, string> };
  spec: { attachMetadata: { node: boolean }; selector: { matchLabels: Record<string, string> } };
}

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

test('a PodMonitor comes with its API, goes with it, and takes turns with the annotations', async (t) => {
  tellOnFailure(t, env, namespace);
  const labels = { release: 'prometheus' };
  const agents = await readyNetExporter(env, namespace, 'monitored', { monitoring: { labels } });
  assert.equal(await isAnnotated(), true);

  await apply(env.kubectl, podMonitors);
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
  assert.deepEqual(monitor?.spec.attachMetadata, { node: true });
  const selector = Object.entries(monitor?.spec.selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const selected = await getJson<{ items: object[] }>(env.kubectl, ['pods', '-n', namespace, '-l', selector.join(',')]);
  assert.equal(selected.items.length, agents.length);
  await waitFor('the annotations to go', async () => !(await isAnnotated()), { timeout: deadline });

  const relabel = ['label', definition, '-n', namespace, 'monitored-agent', 'release=other', '--overwrite'];
  await env.kubectl(relabel);
  const release = async () => (await monitors())[0]?.metadata.labels.release;
  await waitFor('the label to be mended', async () => (await release()) === 'prometheus', { timeout: deadline });

  const edit = (monitoring: object) =>
    env.kubectl([
      ...['patch', 'nx', '-n', namespace, 'monitored', '--type=merge', '-p'],
      JSON.stringify({ spec: { monitoring } }),
    ]);
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
