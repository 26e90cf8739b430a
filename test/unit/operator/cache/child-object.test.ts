import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentObjects, agentRules } from '../../../../charts/agent/agent.ts';
import { clusterAddresses, settingsOf } from '../../../../src/operator/agents/settings-of.ts';
import { childObjectOf, isPartial } from '../../../../src/operator/cache/child-object.ts';
import { memorySize } from '../../../../src/operator/cache/memory-size.ts';
import { ownerKeys } from '../../../../src/operator/cache/watched-kinds.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { currentTemplateOf } from '../../../../src/operator/kube/pod-template.ts';
import { netExporter } from '../net-exporter-builder.ts';

const owner = {
  apiVersion: 'net-exporter.dev/v1alpha1',
  kind: 'NetExporter',
  name: 'default',
  uid: 'u1',
  controller: true,
};

/** A ConfigMap of 1 MB with the operator's labels. */
function large(metadata: Record<string, unknown>): KubeObject {
  return {
    ...{ apiVersion: 'v1', kind: 'ConfigMap' },
    metadata: {
      ...{ name: 'mine', namespace: 'tenant', uid: 'x', resourceVersion: '5' },
      labels: {
        'app.kubernetes.io/managed-by': 'net-exporter-operator',
        'app.kubernetes.io/instance': 'default',
        ...Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`label-${n}`, 'x'])),
      },
      annotations: { note: 'x'.repeat(1000) },
      managedFields: [{ manager: 'kubectl' }],
      ...metadata,
    },
    data: { text: 'x'.repeat(1_000_000) },
  };
}

test('every object of a NetExporter stays whole', () => {
  const resource = netExporter();
  const runtime = {
    image: 'example.com/agent:1',
    settings: settingsOf(resource, []),
    podMonitor: true,
    prometheusRule: true,
  };
  const objects = agentObjects(resource, runtime) as unknown as KubeObject[];
  assert.ok(objects.length >= 8);
  for (const object of objects) assert.equal(childObjectOf(object), object);
});

for (const [whose, ownerReferences] of [
  ['without a controller', undefined],
  ['of another controller', [{ ...owner, apiVersion: 'apps/v1', kind: 'Deployment' }]],
  ['that names a NetExporter as its controller, but is none of its objects', [owner, { ...owner, controller: false }]],
] as const)
  test(`of an object ${whose} only its identity is kept, and which NetExporter it concerns`, () => {
    const object = large({ ownerReferences, deletionTimestamp: '2026-01-01T00:00:00Z' });
    const kept = childObjectOf(object);
    assert.ok(JSON.stringify(kept).length < 700, 'it takes less than 700 bytes');
    assert.deepEqual(ownerKeys(kept), ownerKeys(object));
    const { name, namespace, uid, resourceVersion, deletionTimestamp } = object.metadata;
    assert.deepEqual(
      [kept.kind, kept.metadata.name, kept.metadata.namespace, kept.metadata.uid, kept.metadata.resourceVersion],
      ['ConfigMap', name, namespace, uid, resourceVersion],
    );
    assert.equal(kept.metadata.deletionTimestamp, deletionTimestamp);
    assert.deepEqual(kept.metadata.ownerReferences?.[0], ownerReferences?.[0]);
    assert.equal(isPartial(kept), ownerReferences === undefined, 'one without a controller may be adopted');
  });

/** What a stranger can put into an object that has the owner and the name of a NetExporter's child. */
const fillings: Record<string, object> = {
  data: { data: { text: 'x'.repeat(1_000_000) } },
  'binary data': { binaryData: { text: 'x'.repeat(1_000_000) } },
  annotations: { annotations: { note: 'x'.repeat(200_000) } },
  'number of a pod template': { annotations: { 'deprecated.daemonset.template.generation': '1'.repeat(200_000) } },
  finalizers: { finalizers: Array.from({ length: 5000 }, (_, n) => `example.com/finalizer-${n}`) },
  'managed fields': {
    managedFields: Array.from({ length: 100 }, (_, n) => ({
      manager: `m-${n}`,
      fieldsV1: Object.fromEntries(Array.from({ length: 100 }, (_, f) => [`f:${f}`, {}])),
    })),
  },
  'owner references': { ownerReferences: Array.from({ length: 5000 }, (_, n) => ({ ...owner, uid: `u${n}` })) },
  'an owner with a long uid': { ownerReferences: [{ ...owner, uid: 'x'.repeat(1_000_000) }] },
};

for (const [filling, parts] of Object.entries(fillings))
  for (const kind of [
    'ConfigMap',
    'Service',
    'DaemonSet',
    'ServiceAccount',
    'NetworkPolicy',
    'PodMonitor',
    'PrometheusRule',
  ])
    test(`a ${kind} with the owner and the name of a child takes little memory, whatever ${filling} it has`, () => {
      const { data, binaryData, ...metadata } = parts as Record<string, unknown>;
      const object: KubeObject = {
        ...{ apiVersion: 'v1', kind },
        metadata: {
          ...{ name: 'default-agent', namespace: 'tenant', uid: 'x', resourceVersion: '5', ownerReferences: [owner] },
          ...metadata,
        },
        ...(data !== undefined && { data }),
        ...(binaryData !== undefined && { binaryData }),
      };
      const kept = childObjectOf(object);
      assert.ok(memorySize(kept) < 2000, `${memorySize(kept)} bytes`);
      assert.ok(isPartial(kept));
      assert.deepEqual(ownerKeys(kept), ownerKeys(object));
    });

test('a child that is not kept whole still says what is used without another read', () => {
  const text = 'x'.repeat(1_000_000);
  const child = (kind: string, content: object): KubeObject => ({
    ...{ apiVersion: 'v1', kind },
    metadata: {
      ...{ name: 'default-agent-peers', namespace: 'n', uid: 'x', resourceVersion: '5', generation: 4 },
      ...{ deletionTimestamp: 't', finalizers: ['example.com/mine', 'orphan'], ownerReferences: [owner] },
      annotations: {
        ...{ 'prometheus.io/scrape': 'true', note: text },
        'deprecated.daemonset.template.generation': '7',
      },
    },
    ...content,
  });
  const service = childObjectOf(child('Service', { spec: { clusterIPs: ['10.0.0.1', 'fd00::1'] } }));
  assert.deepEqual(clusterAddresses(service), ['10.0.0.1', 'fd00::1']);
  assert.ok(service.metadata.annotations?.['prometheus.io/scrape'] !== undefined);
  assert.deepEqual([service.metadata.generation, service.metadata.finalizers], [4, ['orphan']]);
  const daemonSet = childObjectOf(child('DaemonSet', { status: { numberReady: 3, conditions: [{ message: text }] } }));
  assert.deepEqual(daemonSet.status, { numberReady: 3 });
  assert.equal(currentTemplateOf(daemonSet), 7);
  const configMap = childObjectOf(child('ConfigMap', { data: { 'sync.json': '{}', other: text } }));
  assert.deepEqual(configMap.data, { 'sync.json': '{}' });
});

test('a child is not kept whole where there is no memory for it', () => {
  const object = large({ name: 'default-agent', labels: {}, ownerReferences: [owner] });
  object.data = { text: 'x' };
  const asked: number[] = [];
  const allow = (bytes: number) => asked.push(bytes) > 1;
  assert.ok(isPartial(childObjectOf(object, allow)));
  assert.equal(childObjectOf(object, allow), object);
  assert.ok(asked[0]! > 500, `${asked}`);
});

test('the largest children that a spec can declare by lists of names are kept whole', () => {
  const resource = netExporter((spec) => {
    spec.dns.hosts = Array.from({ length: 64 }, (_, n) => `${n}.${`${'x'.repeat(60)}.`.repeat(4)}`.slice(0, 252));
    spec.dns.servers = Array.from({ length: 16 }, (_, n) => `[2001:db8:ffff:ffff:ffff:ffff:ffff:${n}]:5353`);
  });
  const runtime = { image: 'example.com/agent:1', settings: settingsOf(resource, []), podMonitor: true };
  for (const object of agentObjects(resource, runtime) as unknown as KubeObject[]) {
    assert.equal(childObjectOf(object), object);
    assert.ok(memorySize(object) < 32 * 1024, `${object.kind}: ${memorySize(object)}`);
  }
});

test('the rules of a NetExporter with the longest names are kept whole, with room for managed fields', () => {
  const resource = netExporter(undefined, 'n'.repeat(40));
  resource.metadata.namespace = 'n'.repeat(63);
  const [rules] = agentRules(resource) as unknown as [KubeObject];
  assert.equal(childObjectOf(rules), rules);
  assert.ok(memorySize(rules) < 100 * 1024, `${memorySize(rules)}`);
});
