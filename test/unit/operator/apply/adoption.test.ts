import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentObjects } from '../../../../charts/agent/agent.ts';
import { settingsOf } from '../../../../src/operator/agents/settings-of.ts';
import { adoptionObstacle } from '../../../../src/operator/apply/adoption.ts';
import { stamped } from '../../../../src/operator/apply/apply-plan.ts';
import type { DeclaredObject } from '../../../../src/operator/apply/declared-object.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { netExporter } from '../net-exporter-builder.ts';
import { owner } from './owner.ts';

// biome-ignore lint/suspicious/noExplicitAny: objects of many kinds, changed field by field
type Json = any;

const resource = netExporter();
const declared = [true, false]
  .flatMap((podMonitor) =>
    agentObjects(resource, { ...{ image: 'x', settings: settingsOf(resource, []) }, podMonitor, prometheusRule: true }),
  )
  .filter(({ kind }, index, all) => all.findIndex((object) => object.kind === kind) === index)
  .map((object) => stamped(object as DeclaredObject));
const created = { manager: 'us', operation: 'Update', fieldsV1: {} } as const;

/** What `kubectl delete --cascade=orphan` leaves of a declared object. */
function orphan(object: DeclaredObject, change: (object: Json) => void = () => {}): KubeObject {
  const { ownerReferences: _, ...metadata } = object.metadata;
  const left = structuredClone({
    ...object,
    metadata: { ...metadata, uid: 'x', resourceVersion: '1', managedFields: [created] },
  });
  change(left);
  return left as unknown as KubeObject;
}

const ofKind = (kind: string) => declared.find((object) => object.kind === kind)!;
const obstacle = (kind: string, change?: (object: Json) => void) =>
  adoptionObstacle(ofKind(kind), orphan(ofKind(kind), change), owner, 'us');

const kinds = [
  ...['PodMonitor', 'ServiceAccount', 'Service', 'NetworkPolicy', 'ConfigMap', 'DaemonSet', 'PrometheusRule'],
];

test('the orphans of every kind may be adopted', () => {
  assert.deepEqual(
    declared.map(({ kind }) => kind),
    kinds,
  );
  for (const kind of kinds) assert.equal(obstacle(kind), undefined, kind);
});

test('so may those that somebody labelled or annotated, and those that another field manager has written to, too', () => {
  const change = ({ metadata }: Json) => {
    metadata.labels['example.com/team'] = 'a';
    metadata.managedFields.unshift({ manager: 'kubectl-label', operation: 'Update' });
  };
  for (const kind of kinds) assert.equal(obstacle(kind, change), undefined, kind);
  for (const kind of kinds.filter((kind) => kind !== 'ServiceAccount'))
    assert.equal(
      obstacle(kind, ({ metadata }) => Object.assign(metadata.annotations, { note: 'a' })),
      undefined,
      kind,
    );
});

for (const [what, change] of [
  ['no labels', ({ metadata }) => delete metadata.labels],
  [
    'the labels of another NetExporter',
    ({ metadata }) => Object.assign(metadata.labels, { 'app.kubernetes.io/instance': 'other' }),
  ],
  [
    'the label of another manager',
    ({ metadata }) => Object.assign(metadata.labels, { 'app.kubernetes.io/managed-by': 'Helm' }),
  ],
  ['another name of an app', ({ metadata }) => Object.assign(metadata.labels, { 'app.kubernetes.io/name': 'other' })],
  ['no managed fields', ({ metadata }) => delete metadata.managedFields],
  [
    'managed fields of others alone',
    ({ metadata }) => Object.assign(metadata.managedFields[0], { manager: 'kubectl' }),
  ],
  [
    'the managed fields of our status alone',
    ({ metadata }) => Object.assign(metadata.managedFields[0], { subresource: 'status' }),
  ],
] satisfies [string, (object: Json) => void][])
  test(`an object with ${what} is someone else's`, () => {
    for (const kind of kinds) assert.equal(obstacle(kind, change), 'has no controller', kind);
  });

const inPod =
  (change: (pod: Json) => void) =>
  ({ spec }: Json) =>
    change(spec.template.spec);

for (const [kind, part, change] of [
  [
    'ServiceAccount',
    'the annotation eks.amazonaws.com/role-arn',
    ({ metadata }) => Object.assign(metadata.annotations, { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::1:role/a' }),
  ],
  [
    'ServiceAccount',
    'the annotation openshift.io/internal-registry-pull-secret-ref',
    ({ metadata }) =>
      Object.assign(metadata.annotations, { 'openshift.io/internal-registry-pull-secret-ref': 'other-dockercfg-1' }),
  ],
  ['ServiceAccount', 'secrets: token', (account) => Object.assign(account, { secrets: [{ name: 'token' }] })],
  [
    'ServiceAccount',
    'imagePullSecrets: registry',
    (account) => Object.assign(account, { imagePullSecrets: [{ name: 'registry' }] }),
  ],
  [
    'ServiceAccount',
    'automountServiceAccountToken',
    (account) => Object.assign(account, { automountServiceAccountToken: true }),
  ],
  ['ConfigMap', 'immutable: true', (map) => Object.assign(map, { immutable: true })],
  // Where agents find the operator is not declared here, as while it is not known.
  ['ConfigMap', 'the key sync.json', ({ data }) => Object.assign(data, { 'sync.json': '{}' })],
  ['ConfigMap', 'the key x', (map) => Object.assign(map, { binaryData: { x: 'eA==' } })],
  ['Service', 'spec.externalIPs', ({ spec }) => Object.assign(spec, { externalIPs: ['192.0.2.1'] })],
  ['Service', 'spec.type', ({ spec }) => Object.assign(spec, { type: 'LoadBalancer' })],
  ['Service', 'spec.selector', ({ spec }) => Object.assign(spec.selector, { app: 'x' })],
  ['Service', 'spec.clusterIP', ({ spec }) => Object.assign(spec, { clusterIP: 'None' })],
  ['NetworkPolicy', 'spec.podSelector', ({ spec }) => Object.assign(spec, { podSelector: {} })],
  ['DaemonSet', 'spec.selector', ({ spec }) => Object.assign(spec.selector.matchLabels, { app: 'x' })],
  ['DaemonSet', 'the container x', inPod(({ containers }) => containers.push({ name: 'x' }))],
  ['DaemonSet', 'the init container x', inPod((pod) => Object.assign(pod, { initContainers: [{ name: 'x' }] }))],
  ['DaemonSet', 'the volume x', inPod(({ volumes }) => volumes.push({ name: 'x', hostPath: { path: '/' } }))],
  ['DaemonSet', 'serviceAccountName', inPod((pod) => Object.assign(pod, { serviceAccountName: 'default' }))],
  ['DaemonSet', 'hostNetwork', inPod((pod) => Object.assign(pod, { hostNetwork: true }))],
  ['PodMonitor', 'spec.sampleLimit', ({ spec }) => Object.assign(spec, { sampleLimit: 1 })],
  ['PodMonitor', 'spec.selector', ({ spec }) => Object.assign(spec, { selector: {} })],
  ['PrometheusRule', 'the group x', ({ spec }) => spec.groups.push({ name: 'x', rules: [] })],
  [
    'PrometheusRule',
    'the group net-exporter-dns and its field labels',
    ({ spec }) =>
      Object.assign(
        spec.groups.find(({ name }: Json) => name === 'net-exporter-dns'),
        { labels: {} },
      ),
  ],
  ['PrometheusRule', 'spec.x', ({ spec }) => Object.assign(spec, { x: 1 })],
  ...kinds.map((kind): [string, string, (object: Json) => void] => [
    kind,
    'the annotation external-dns.alpha.kubernetes.io/hostname',
    ({ metadata }) => Object.assign(metadata.annotations, { 'external-dns.alpha.kubernetes.io/hostname': 'x' }),
  ]),
  ...kinds.map((kind): [string, string, (object: Json) => void] => [
    kind,
    'the label grafana_dashboard',
    ({ metadata }) => Object.assign(metadata.labels, { grafana_dashboard: '1' }),
  ]),
] satisfies [string, string, (object: Json) => void][])
  test(`a forged ${kind} is not adopted because of ${part}`, () => {
    assert.equal(obstacle(kind, change), `has no controller and is not adopted because of ${part}`);
  });

test('what the spec may have declared before is no obstacle', () => {
  const change = ({ spec }: Json) => Object.assign(spec, { attachMetadata: { node: true }, podMetricsEndpoints: [{}] });
  assert.equal(obstacle('PodMonitor', change), undefined);
  const rules = ({ spec }: Json) => spec.groups[0].rules.push({ record: 'x', expr: '1' });
  assert.equal(obstacle('PrometheusRule', rules), undefined);
});

test('the pull secret that OpenShift gives each ServiceAccount is no obstacle', () => {
  const secret = [{ name: 'default-agent-dockercfg-x7k2p' }];
  const change = (account: Json) => {
    Object.assign(account, { secrets: secret, imagePullSecrets: secret });
    account.metadata.annotations['openshift.io/internal-registry-pull-secret-ref'] = secret[0]!.name;
  };
  assert.equal(obstacle('ServiceAccount', change), undefined);
});

test('of a name that a stranger chose only the beginning is told', () => {
  const found = obstacle('ConfigMap', ({ data }) => Object.assign(data, { ['x'.repeat(253)]: '' }))!;
  assert.equal(found, `has no controller and is not adopted because of the key ${'x'.repeat(79)}…`);
});
