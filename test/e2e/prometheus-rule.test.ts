import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { agentRules, type ManifestObject } from '../../charts/agent/agent.ts';
import { installation } from '../../charts/install/install.ts';
import { prometheusRuleSpec } from '../../charts/monitoring/prometheus-rule.ts';
import { operatorName } from '../../src/contract/operator-names.ts';
import type { NetExporter } from '../../src/crd/net-exporter.ts';
import { waitFor } from '../cluster/wait.ts';
import { ClusterApi } from '../faults/cluster-api.ts';
import { getJson, getNetExporter } from './agents.ts';
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
import { podMonitorDefinition, prometheusRuleDefinition } from './monitoring-definitions.ts';
import { unrefused, violations } from './policy-violations.ts';

const namespace = 'e2e-prometheus-rule';
const name = 'alerted';
const definition = prometheusRuleDefinition({ keepsFiring: true });
const rules = definition.metadata.name;
const monitors = podMonitorDefinition.metadata.name;
let env: Environment;

type Rule = ManifestObject & { spec: ReturnType<typeof prometheusRuleSpec> };

before(async () => {
  env = await environment();
  await restrictedNamespace(env.kubectl, namespace);
});

after(async () => {
  await env.kubectl(['delete', 'crd', rules, monitors, '--ignore-not-found']);
  await removeNamespace(env.kubectl, namespace);
});

async function ruleObjects(): Promise<Rule[]> {
  return (await getJson<{ items: Rule[] }>(env.kubectl, [rules, '-n', namespace])).items;
}

const resource = async () => (await getNetExporter(env.kubectl, namespace, name)) as unknown as NetExporter;

async function readyMessage(): Promise<string> {
  const { status } = await resource();
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  assert.ok(ready?.status === 'True', `${ready?.message}`);
  return ready.message;
}

const edit = (monitoring: object, health: object = {}) =>
  env.kubectl([
    ...['patch', 'nx', '-n', namespace, name, '--type=merge', '-p'],
    JSON.stringify({ spec: { monitoring, health } }),
  ]);

/** Waits until there is the one PrometheusRule that the charts declare for the NetExporter as it is now. */
async function declaredRule(what: string): Promise<Rule> {
  return await waitFor(
    what,
    async () => {
      const [made, ...more] = await ruleObjects();
      const { groups } = prometheusRuleSpec(await resource());
      assert.deepEqual(more, []);
      return made && JSON.stringify(sorted(made.spec.groups)) === JSON.stringify(sorted(groups)) && made;
    },
    { timeout: deadline, interval: 500 },
  );
}

/** With the fields of objects in the order of their names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([field, content]) => [field, sorted(content)]),
  );
}

test('where the definition drops keep_firing_for, the rules are there without it, and Ready says so', async (t) => {
  tellOnFailure(t, env, namespace);
  await readyNetExporter(env, namespace, name, { monitoring: { labels: { release: 'prometheus' } } });
  assert.doesNotMatch(await readyMessage(), /PrometheusRule/);
  await apply(env.kubectl, prometheusRuleDefinition({ keepsFiring: false }));
  const message = await waitFor(
    'Ready to say what was dropped',
    async () => {
      const message = await readyMessage();
      return message.includes('PrometheusRule') && message;
    },
    { timeout: deadline, interval: 500 },
  );
  assert.match(message, /The PrometheusRule lacks keep_firing_for, because the installed definition/);
  const [made] = await ruleObjects();
  assert.doesNotMatch(JSON.stringify(made!.spec), /keep_firing_for/);
  assert.deepEqual(
    made!.spec.groups.map(({ rules }) => rules.length),
    prometheusRuleSpec(await resource()).groups.map(({ rules }) => rules.length),
  );
  await apply(env.kubectl, definition);
  await edit({}, { latency: { dns: '2s' } });
  const whole = await declaredRule('the whole rules, after the definition knows them and the spec has been edited');
  assert.match(JSON.stringify(whole.spec), /keep_firing_for/);
  await waitFor('Ready to say nothing about it', async () => !/PrometheusRule/.test(await readyMessage()), {
    timeout: deadline,
  });
});

test('a PrometheusRule has the labels and the thresholds of the spec, and goes with the wish for it and with its API', async (t) => {
  tellOnFailure(t, env, namespace);
  const made = await declaredRule('the rules');
  const labels = made.metadata.labels as Record<string, string>;
  assert.deepEqual([made.metadata.name, labels.release], [`${name}-agent`, 'prometheus']);
  await edit({ labels: { release: 'other' } }, { failureRatio: '0.2', latency: { network: '1s' } });
  const edited = await declaredRule('the rules with other thresholds');
  assert.equal((edited.metadata.labels as Record<string, string>).release, 'other');
  assert.notDeepEqual(edited.spec, made.spec);

  const wrong = JSON.stringify([{ op: 'remove', path: '/spec/groups/1' }]);
  await env.kubectl(['patch', rules, '-n', namespace, `${name}-agent`, '--type=json', '-p', wrong]);
  await declaredRule('the group that somebody removed');

  await edit({ prometheusRule: 'None' });
  await waitFor('the unwanted rules to go', async () => (await ruleObjects()).length === 0, { timeout: deadline });
  await edit({ prometheusRule: 'Auto' });
  await declaredRule('the rules to come back');

  await env.kubectl(['delete', 'crd', rules]);
  await edit({ labels: { release: 'prometheus' } });
  const isReconciled = async () => {
    const { metadata, status } = await resource();
    return status?.observedGeneration === metadata.generation;
  };
  await waitFor('the edit without the API', isReconciled, { timeout: deadline });
  await readyMessage();
  await apply(env.kubectl, definition);
  await declaredRule('the rules after the API has come back');
});

test("with the operator's token a PrometheusRule is what the operator declares, and nothing else", async (t) => {
  tellOnFailure(t, env, namespace);
  await apply(env.kubectl, definition);
  const live = await declaredRule('the rules');
  const token = await env.kubectl(['create', 'token', operatorName, '-n', operatorNamespace]);
  const api = await ClusterApi.of(env.cluster.kubeconfig, token.trim());
  try {
    const owner = await resource();
    const another = agentRules({ ...owner, metadata: { ...owner.metadata, name: 'another' } });
    const dryRun = new DryRun(api);
    assert.equal(await dryRun.create(another[0]!), 'admitted');
    assert.equal(await dryRun.replace(live), 'admitted');
    assert.equal(await dryRun.delete(live), 'admitted');
    for (const health of [
      { failureRatio: '0.0001', latency: { dns: '1ms', network: '60s' } },
      { failureRatio: '1', latency: { dns: '1m30s', network: '1ms' } },
    ]) {
      const spec = { ...owner.spec, health: { ...owner.spec.health, ...health } };
      const [strict] = agentRules({ ...owner, spec });
      assert.equal(await dryRun.apply(strict!), 'admitted', JSON.stringify(health));
    }
    const foreign = { name: 'foreign', rules: [{ record: 'x', expr: '1' }] };
    const add = JSON.stringify([{ op: 'add', path: '/spec/groups/-', value: foreign }]);
    await env.kubectl(['patch', rules, '-n', namespace, live.metadata.name, '--type=json', '-p', add]);
    const [shared] = await ruleObjects();
    assert.equal(shared!.spec.groups.at(-1)?.name as string, 'foreign', 'the operator leaves groups of others');
    assert.equal(await dryRun.replace(shared!), 'admitted', 'a group that somebody else has added may stay');
    const tried = violations.filter(({ kind }) => kind === 'PrometheusRule');
    assert.ok(tried.length >= 20);
    const declared = agentRules(owner);
    assert.deepEqual(await unrefused(dryRun, tried, { declared, another, live: [live] }), []);
  } finally {
    api.close();
  }
});

test('kubectl apply -k manifests/monitoring adds a PodMonitor for the operator and takes the annotations off its Service', async (t) => {
  tellOnFailure(t, env, namespace);
  await apply(env.kubectl, podMonitorDefinition);
  const service = (installation('0.0.0') as ManifestObject[]).find(
    ({ kind, metadata }) => kind === 'Service' && metadata.name === operatorName,
  )!;
  const annotations = async () => {
    const found = await getJson<ManifestObject>(env.kubectl, ['service', '-n', operatorNamespace, operatorName]);
    return Object.keys((found.metadata.annotations as object | undefined) ?? {}).filter((key) =>
      key.startsWith('prometheus.io/'),
    );
  };
  await env.kubectl(['wait', '--for=condition=Established', `crd/${monitors}`, '--timeout=60s']);
  await apply(env.kubectl, service);
  assert.equal((await annotations()).length, 3);
  try {
    await env.kubectl(['apply', '-k', join(import.meta.dirname, '../../manifests/monitoring')]);
    assert.deepEqual(await annotations(), []);
    const monitor = await getJson<ManifestObject>(env.kubectl, [monitors, '-n', operatorNamespace, operatorName]);
    const { podMetricsEndpoints } = monitor.spec as { podMetricsEndpoints: { honorLabels: boolean }[] };
    assert.deepEqual(
      podMetricsEndpoints.map(({ honorLabels }) => honorLabels),
      [true],
    );
  } finally {
    await apply(env.kubectl, service);
  }
  assert.equal((await annotations()).length, 3, 'the installation adds them again');
});
