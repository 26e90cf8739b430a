import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { nodeFactsOf } from '../../../../src/operator/plan/node-facts.ts';

interface NodeParts {
  metadata?: object;
  spec?: object;
  ready?: { status: string; message?: string };
}

function node({ metadata, spec = {}, ready = { status: 'True' } }: NodeParts = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: 'n1',
      uid: 'u',
      resourceVersion: '1',
      labels: { 'topology.kubernetes.io/zone': 'zone-a' },
      ...metadata,
    },
    spec,
    status: {
      conditions: [
        { type: 'DiskPressure', status: 'False' },
        { type: 'Ready', ...ready },
      ],
      nodeInfo: { bootID: 'b1' },
    },
  };
}

test('of a node that is well its zone and its boot are kept', () => {
  assert.deepEqual(nodeFactsOf(node()), {
    name: 'n1',
    uid: 'u',
    zone: 'zone-a',
    ready: true,
    notice: undefined,
    bootId: 'b1',
  });
});

test('a node of which nothing is heard any more is not ready, nor is one that has said nothing yet', () => {
  for (const status of ['False', 'Unknown']) assert.equal(nodeFactsOf(node({ ready: { status } })).ready, false);
  const fresh = { ...node({ metadata: { labels: undefined } }), status: undefined };
  assert.deepEqual(nodeFactsOf(fresh), { name: 'n1', uid: 'u', zone: '', ready: false, notice: undefined, bootId: '' });
});

const notices: Record<string, NodeParts> = {
  cordon: {
    spec: { unschedulable: true, taints: [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }] },
  },
  removal: { spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] } },
  shutdown: { ready: { status: 'False', message: '[container runtime is down, node is shutting down]' } },
  deletion: { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } },
};

for (const [notice, parts] of Object.entries(notices))
  test(`a notice of ${notice} is seen`, () => {
    assert.equal(nodeFactsOf(node(parts)).notice, notice);
  });

test('a node under deletion that shuts down says so', () => {
  const parts = { ...notices.deletion, ready: notices.shutdown!.ready! };
  assert.equal(nodeFactsOf(node(parts)).notice, 'shutdown');
});

test('a node that Karpenter takes away is seen by its taint', () => {
  assert.equal(nodeFactsOf(node({ spec: { taints: [{ key: 'karpenter.sh/disrupted' }] } })).notice, 'removal');
});

test('a taint that keeps pods away is no notice', () => {
  assert.equal(
    nodeFactsOf(node({ spec: { taints: [{ key: 'node-role.kubernetes.io/control-plane' }] } })).notice,
    undefined,
  );
});

test('a node is never a suspect with the annotation net-exporter.dev/judge: "false", and other annotations are not kept', () => {
  const factsOf = (value: string) => {
    const object = node();
    object.metadata.annotations = { 'net-exporter.dev/judge': value, other: 'x'.repeat(1000) };
    return nodeFactsOf(object);
  };
  assert.deepEqual(factsOf('false'), { ...nodeFactsOf(node()), isExempt: true });
  for (const value of ['true', 'False', 'FALSE', '0', 'no', '', ' false'])
    assert.deepEqual(factsOf(value), nodeFactsOf(node()));
});
