import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { agentObjects } from '../../../../charts/agent/agent.ts';
import { installation } from '../../../../charts/install/install.ts';
import { podMonitorSpec } from '../../../../charts/monitoring/agent-pod-monitor.ts';
import { operatorOwnPermissions, operatorPermissions } from '../../../../charts/operator/operator-permissions.ts';
import { powerfulKeys } from '../../../../src/contract/powerful-metadata.ts';
import { customResourceDefinition } from '../../../../src/crd/custom-resource-definition.ts';
import { metricRelabelingActions } from '../../../../src/crd/metric-relabeling.ts';
import { defaultSpec } from '../../../../src/crd/net-exporter.ts';
import { refusedAnnotationPrefixes } from '../../../../src/crd/pod-annotations.ts';
import { settingsOf } from '../../../../src/operator/agents/settings-of.ts';
import { netExporter } from '../../operator/net-exporter-builder.ts';

// What the rules mean is tested with a real API server: test/e2e/operator-privileges.test.ts.

interface ResourceRule {
  apiGroups: string[];
  apiVersions: string[];
  resources: string[];
  operations: string[];
}

interface Manifest {
  kind: string;
  metadata: { name: string };
  // biome-ignore lint/suspicious/noExplicitAny: read field by field below
  spec: any;
}

const objects = installation('1.2.3') as Manifest[];
const only = (kind: string) => {
  const found = objects.filter((object) => object.kind === kind);
  assert.equal(found.length, 1, kind);
  return found[0]!;
};
const policy = only('ValidatingAdmissionPolicy');
const resourceRules = policy.spec.matchConstraints.resourceRules as ResourceRule[];
const validations = policy.spec.validations as { expression: string; message: string; reason: string }[];

test('the policy refuses what breaks a rule, and what cannot be judged, before the operator starts', () => {
  const { spec } = only('ValidatingAdmissionPolicyBinding');
  assert.deepEqual(spec, { policyName: policy.metadata.name, validationActions: ['Deny'] });
  assert.equal(policy.spec.failurePolicy, 'Fail');
  const kinds = objects.map(({ kind }) => kind);
  assert.ok(kinds.indexOf('ValidatingAdmissionPolicyBinding') < kinds.indexOf('Deployment'));
  assert.ok(kinds.indexOf('ValidatingAdmissionPolicyBinding') < kinds.indexOf('ClusterRoleBinding'));
});

test("the policy is about the operator's account in whatever namespace, and about no other", () => {
  const account = objects.find(({ kind }) => kind === 'ServiceAccount')!.metadata.name;
  assert.deepEqual(policy.spec.matchConditions, [
    {
      name: 'operator',
      expression:
        'request.userInfo.username.startsWith("system:serviceaccount:") && ' +
        `request.userInfo.username.endsWith(":${account}")`,
    },
  ]);
});

test('whatever the roles let the operator write is in the policy, with each operation', () => {
  const operations: Record<string, string> = { create: 'CREATE', patch: 'UPDATE', update: 'UPDATE', delete: 'DELETE' };
  for (const { apiGroups, resources, verbs } of [...operatorPermissions, ...operatorOwnPermissions])
    for (const resource of resources.filter((name) => !name.includes('/')))
      for (const verb of verbs.filter((name) => name in operations))
        assert.ok(
          resourceRules.some(
            (rule) =>
              rule.apiGroups[0] === apiGroups[0] &&
              rule.resources.includes(resource) &&
              rule.operations.includes(operations[verb]!),
          ),
          `${verb} ${resource}`,
        );
});

test('each resource of the policy has rules, and each rule names resources of it', () => {
  const ruled = new Set(
    validations.flatMap(({ expression }) => {
      const [, list] = /^!\(request\.resource\.resource in (\[[^\]]+\])\) \|\| \(/.exec(expression) ?? [];
      assert.ok(list, expression);
      return JSON.parse(list) as string[];
    }),
  );
  assert.deepEqual([...ruled].sort(), resourceRules.flatMap(({ resources }) => resources).sort());
});

test('a refusal is one by admission, which the operator does not take for a missing permission', () => {
  for (const { message, reason } of validations) {
    assert.equal(reason, 'Forbidden');
    assert.match(message, /^[a-zA-Z].{20,}[^.]$/);
  }
  const messages = validations.map(({ message, expression }) => `${message} ${expression}`);
  assert.equal(new Set(messages).size, messages.length);
});

test('only an object without a controller that has our labels for its new NetExporter is adopted, and is judged as if it were created', () => {
  const variables = new Map(
    (policy.spec.variables as { name: string; expression: string }[]).map(({ name, expression }) => [name, expression]),
  );
  const adopts = variables.get('adopts')!;
  for (const condition of [
    'variables.former.metadata.ownerReferences.all(owner, !owner.?controller.orValue(false))',
    '[?"app.kubernetes.io/managed-by"].orValue("") == "net-exporter-operator"',
    '[?"app.kubernetes.io/name"].orValue("") == "net-exporter-agent"',
    '[?"app.kubernetes.io/instance"].orValue("") == variables.instance',
  ])
    assert.ok(adopts.includes(condition), condition);
  assert.ok(!adopts.includes('variables.written.metadata.labels'), 'what it gets with the adoption does not count');
  assert.equal(variables.get('kept'), 'variables.adopts ? dyn(null) : variables.former');
  for (const name of ['writesSpec', 'writesLabels'])
    assert.ok(!variables.get(name)!.includes('variables.former'), name);
  const children = validations.filter(({ expression }) => !/"(events|leases|secrets|endpointslices)"/.test(expression));
  const readers = children.filter(({ expression }) => expression.includes('variables.former'));
  assert.deepEqual(
    readers.map(({ message }) => message),
    [
      'the operator changes and deletes only objects whose controller is a NetExporter, and adopts only orphans of one',
      // That it was so before: nobody gets an annotation of OpenShift by it.
      'the operator sets no annotation of a ServiceAccount but net-exporter.dev/applied',
    ],
  );
  assert.equal(readers[1]!.expression.split('variables.former').length, 4);
});

const relabelingWith = (action: (typeof metricRelabelingActions)[number]) => ({
  ...{ action, sourceLabels: ['__name__'], separator: ',', regex: 'nodejs_.*' },
});

test('a PodMonitor and pods may be what the charts and the definition allow, and the rules and the documentation name all of it', () => {
  const expressionOf = (message: RegExp) => {
    const found = validations.filter((rule) => message.test(rule.message));
    assert.equal(found.length, 1, String(message));
    return found[0]!.expression;
  };
  const listIn = (message: RegExp) => JSON.parse(/field in (\[[^\]]*\])/.exec(expressionOf(message))![1]!) as string[];
  const fields = new Set<string>();
  const endpointFields = new Set<string>();
  const ofMetrics = new Set<string>();
  const scrape = { interval: '30s', timeout: '10s', metricRelabelings: metricRelabelingActions.map(relabelingWith) };
  for (const monitoring of [
    defaultSpec().monitoring,
    { attachNodeMetadata: true, scrape },
    { attachNodeMetadata: false, scrape },
  ]) {
    const made = podMonitorSpec('', monitoring);
    const { relabelings, metricRelabelings = [], ...others } = made.podMetricsEndpoints[0]!;
    for (const field of Object.keys(made)) fields.add(field);
    for (const field of [...Object.keys(others), 'relabelings', 'metricRelabelings']) endpointFields.add(field);
    for (const rule of metricRelabelings) for (const field of Object.keys(rule)) ofMetrics.add(field);
    const labels = expressionOf(/^PodMonitors set only the labels netexporter, node, zone$/);
    for (const { sourceLabels, targetLabel } of relabelings)
      assert.ok(labels.includes(`"${targetLabel}" && r.?sourceLabels.orValue([]) == ${JSON.stringify(sourceLabels)}`));
  }
  assert.deepEqual(listIn(/^the operator sets nothing of a PodMonitor but/).sort(), [...fields].sort());
  assert.deepEqual(listIn(/^PodMonitors set nothing of an endpoint but/).sort(), [...endpointFields].sort());
  const actions = /^PodMonitors relabel metrics only by the actions keep, drop, labeldrop, labelkeep$/;
  assert.deepEqual(listIn(actions).sort(), [...ofMetrics].sort());
  assert.ok(expressionOf(actions).includes(`in ${JSON.stringify(metricRelabelingActions)}`));
  const annotations = expressionOf(/^annotations give agents no privileges/);
  const crd = JSON.stringify(customResourceDefinition());
  const documented = readFileSync(join(import.meta.dirname, '../../../../docs/security.md'), 'utf8');
  for (const prefix of refusedAnnotationPrefixes) {
    for (const text of [annotations, crd]) assert.ok(text.includes(`'${prefix}'`), prefix);
    assert.ok(documented.includes(`\`${prefix}\``), prefix);
  }
});

test('no label or annotation that the charts set counts as powerful, and docs/security.md names those that do', () => {
  const resource = netExporter((spec) => {
    spec.monitoring.networkPolicy = 'Strict';
  });
  const documented = readFileSync(join(import.meta.dirname, '../../../../docs/security.md'), 'utf8');
  for (const field of ['labels', 'annotations'] as const) {
    const prefixes = powerfulKeys[field];
    for (const prefix of prefixes) assert.ok(documented.includes(`\`${prefix}\``), prefix);
    for (const podMonitor of [true, false])
      for (const { kind, metadata } of agentObjects(resource, {
        ...{ image: 'x', settings: settingsOf(resource, []), podMonitor },
      }))
        for (const key of Object.keys((metadata[field] as object | undefined) ?? {}))
          assert.ok(!prefixes.some((prefix) => key.startsWith(prefix)), `${kind} ${key}`);
  }
});
