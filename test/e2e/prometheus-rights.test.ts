import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { ownedDirectory } from '../cluster/owned-name.ts';
import { documentedConfiguration, Prometheus, type ScrapeConfig } from '../cluster/prometheus.ts';
import { waitFor } from '../cluster/wait.ts';
import { type Agent, getJson, hostOf } from './agents.ts';
import {
  apply,
  deadline,
  type Environment,
  environment,
  netExporter,
  readyNetExporter,
  removeNamespace,
  restrictedNamespace,
  tellOnFailure,
  waitForAgents,
} from './environment.ts';
import { podMonitorDefinition } from './monitoring-definitions.ts';
import { type PodMonitor, scrapeConfigOf } from './scrape-config.ts';

const namespace = 'e2e-prometheus';
const definition = podMonitorDefinition.metadata.name;
const readNodes = `${namespace}-nodes`;
const read = ['get', 'list', 'watch'];
/** What docs/prometheus.yml says that Prometheus needs, without the nodes. */
const documentedRules = [
  { apiGroups: [''], resources: ['pods', 'services'], verbs: read },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: read },
];
/** What kube-prometheus grants in each namespace that it scrapes, but for Ingresses (roleSpecificNamespaces). */
const kubePrometheusRules = [{ apiGroups: [''], resources: ['services', 'endpoints', 'pods'], verbs: read }];
let env: Environment;
let directory: string;
/** Of the NetExporter whose PodMonitor has the defaults, and of the one that asks for the metadata of nodes. */
let agents: { plain: Agent[]; attached: Agent[] };

before(async () => {
  env = await environment();
  directory = ownedDirectory('prometheus');
  await restrictedNamespace(env.kubectl, namespace);
  const plain = await readyNetExporter(env, namespace, 'plain', {});
  const nodeSelector = { 'kubernetes.io/hostname': env.cluster.nodes[0]!.name };
  const spec = { agent: { nodeSelector }, monitoring: { attachNodeMetadata: true } };
  await apply(env.kubectl, netExporter(namespace, 'attached', spec));
  agents = { plain, attached: await waitForAgents(env.kubectl, namespace, 'attached', 1) };
  const metadata = { name: readNodes };
  const rules = [{ apiGroups: [''], resources: ['nodes'], verbs: read }];
  await apply(env.kubectl, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata, rules });
});

after(async () => {
  await env.kubectl(['delete', 'crd', definition, '--ignore-not-found']);
  await removeNamespace(env.kubectl, namespace);
  const names = [readNodes, `${namespace}-documented`, `${namespace}-kube-prometheus`];
  await env.kubectl(['delete', 'clusterrole,clusterrolebinding', ...names, '--ignore-not-found']);
  await rm(directory, { recursive: true, force: true });
});

/** A ServiceAccount for a Prometheus, and the path of its kubeconfig. */
async function serviceAccount(name: string): Promise<string> {
  await env.kubectl(['create', 'serviceaccount', '-n', namespace, name]);
  const token = (await env.kubectl(['create', 'token', '-n', namespace, name])).trim();
  const config = JSON.parse(await readFile(env.cluster.kubeconfig, 'utf8')) as { users: { user: object }[] };
  config.users[0]!.user = { token };
  const file = join(directory, `${name}.kubeconfig`);
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

function grant(account: string, kind: 'role' | 'clusterrole', role: string, binding: string): Promise<string> {
  const bindingKind = kind === 'role' ? 'rolebinding' : 'clusterrolebinding';
  const subject = [`--${kind}=${role}`, `--serviceaccount=${namespace}:${account}`];
  return env.kubectl(['create', bindingKind, binding, '-n', namespace, ...subject]);
}

/** A Prometheus with these scrape configurations, which ends with the test. */
async function startPrometheus(t: TestContext, name: string, scrape_configs: ScrapeConfig[]): Promise<Prometheus> {
  const folder = join(directory, name);
  mkdirSync(folder);
  const configuration = { global: { scrape_interval: '2s' }, scrape_configs };
  const prometheus = await Prometheus.start({ directory: folder, configuration });
  t.after(() => prometheus.stop());
  return prometheus;
}

const zoneOf = ({ node }: Agent) => env.cluster.nodes.find(({ name }) => name === node)?.zone;
/** Node, zone and address of each agent, as the labels of its series have them. */
const placesOf = (all: Agent[]) => all.map((agent) => [agent.node, zoneOf(agent), hostOf(agent)]).sort();

/** Waits until the agents that are up according to a query are these, with their nodes and zones. */
async function areUp(prometheus: Prometheus, selector: string, expected: Agent[]): Promise<void> {
  await waitFor(
    `the agents of ${selector}`,
    async () => {
      const up = (await prometheus.query(`up{${selector}}`)).filter(({ value }) => value === 1);
      const found = up.map(({ labels }) => [labels.node, labels.zone, labels.instance]);
      assert.deepEqual(found.sort(), placesOf(expected));
      return true;
    },
    { timeout: deadline, interval: 1000 },
  );
}

/** Waits until a job's agents are joined with what they say of themselves, as docs/monitoring.md does. */
async function joinOnInfo(prometheus: Prometheus, job: string, expected: Agent[]): Promise<void> {
  // A job of docs/prometheus.yml finds the agents of other tests, too.
  const ours = `{job="${job}",namespace="${namespace}"}`;
  const series = `up${ours} * on (namespace, pod) group_left (agent_node, agent_zone)`;
  await waitFor(
    'the join on net_exporter_agent_info',
    async () => {
      const joined = await prometheus.query(`${series} net_exporter_agent_info${ours}`);
      const found = joined.map(({ labels }) => [labels.agent_node, labels.agent_zone, labels.instance]);
      assert.deepEqual(found.sort(), placesOf(expected));
      return true;
    },
    { timeout: deadline, interval: 1000 },
  );
}

/** A job that reads the metadata of nodes has found nothing, not even pods to drop. */
async function assertNothingDiscovered(prometheus: Prometheus, job: string): Promise<void> {
  await waitFor('the refusal in its log', async () => /nodes is forbidden/.test(await prometheus.log()), {
    timeout: deadline,
  });
  const { active, dropped } = await prometheus.discovered();
  const pools = [...active, ...dropped].map(({ job: found }) => found);
  assert.ok(pools.length > 0);
  assert.ok(!pools.includes(job), pools.join());
}

test('docs/prometheus.yml without rights to nodes finds every agent as its comment says, and else none', async (t) => {
  tellOnFailure(t, env, namespace);
  const kubeconfig = await serviceAccount('documented');
  const role = `${namespace}-documented`;
  const metadata = { name: role };
  const rules = documentedRules;
  await apply(env.kubectl, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata, rules });
  await grant('documented', 'clusterrole', role, role);

  const [unchanged] = (await documentedConfiguration(kubeconfig, 2)).scrape_configs as [ScrapeConfig];
  const [changed] = (await documentedConfiguration(kubeconfig, 2)).scrape_configs as [ScrapeConfig];
  changed.job_name = 'without-nodes';
  for (const discovery of changed.kubernetes_sd_configs!) delete discovery.attach_metadata;
  const comment = await readFile(new URL('../../docs/prometheus.yml', import.meta.url), 'utf8');
  const zone = changed.relabel_configs.find(({ target_label }) => target_label === 'zone')!;
  zone.source_labels = [/# .*(__meta_kubernetes_pod_label_\w+)/.exec(comment)![1]!];

  const prometheus = await startPrometheus(t, 'documented', [unchanged, changed]);
  const ours = `namespace="${namespace}"`;
  const all = [...agents.plain, ...agents.attached];
  await areUp(prometheus, `job="without-nodes",${ours}`, all);
  await joinOnInfo(prometheus, 'without-nodes', all);
  await assertNothingDiscovered(prometheus, unchanged.job_name);

  await grant('documented', 'clusterrole', readNodes, readNodes);
  await areUp(prometheus, `job="${unchanged.job_name}",${ours}`, all);
});

test('a PodMonitor needs no rights to nodes, and with attachNodeMetadata finds no agent without them', async (t) => {
  tellOnFailure(t, env, namespace);
  await apply(env.kubectl, podMonitorDefinition);
  const monitors = await waitFor(
    'both PodMonitors',
    async () => {
      const { items } = await getJson<{ items: PodMonitor[] }>(env.kubectl, [definition, '-n', namespace]);
      return items.length === 2 ? items : undefined;
    },
    { timeout: deadline, interval: 500 },
  );
  const kubeconfig = await serviceAccount('kube-prometheus');
  const metadata = { namespace, name: 'kube-prometheus' };
  const rules = kubePrometheusRules;
  await apply(env.kubectl, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules });
  await grant('kube-prometheus', 'role', 'kube-prometheus', 'kube-prometheus');

  const configs = monitors.map((monitor) => scrapeConfigOf(monitor, kubeconfig));
  const prometheus = await startPrometheus(t, 'kube-prometheus', configs);
  const jobOf = (name: string) => `${namespace}/${name}-agent`;
  await areUp(prometheus, `job="${jobOf('plain')}",netexporter="plain"`, agents.plain);
  await joinOnInfo(prometheus, jobOf('plain'), agents.plain);
  await assertNothingDiscovered(prometheus, `podMonitor/${jobOf('attached')}/0`);

  await grant('kube-prometheus', 'clusterrole', readNodes, `${namespace}-kube-prometheus`);
  await areUp(prometheus, `job="${jobOf('attached')}",netexporter="attached"`, agents.attached);
});
