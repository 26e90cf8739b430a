import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  childFacts,
  daemonSetFacts,
  eventFacts,
  nodeFacts,
  podFacts,
  resourceFacts,
} from '../../../../soak/operations/facts.ts';
import type { ApiObject } from '../../../faults/cluster-api.ts';

function object(metadata: object, fields: object = {}): ApiObject {
  return {
    metadata: { name: 'x', namespace: 'ns', uid: 'u', resourceVersion: '1', ...metadata },
    ...fields,
  } as ApiObject;
}

const owned = { ownerReferences: [{ apiVersion: 'v1', kind: 'K', name: 'n', uid: 'owner', controller: true }] };

test('a NetExporter', () => {
  const agent = { image: '', tolerations: [], nodeSelector: {}, port: 8000 };
  const spec = { agent, network: { enabled: true, service: false }, monitoring: { networkPolicy: 'None' } };
  const paused = { generation: 2, annotations: { 'net-exporter.dev/paused': 'true' } };
  assert.deepEqual(resourceFacts(object(paused, { spec })), {
    ...{ uid: 'u', generation: 2, isPaused: true, isDeleting: false, status: undefined },
    agent: { image: '', tolerations: [], nodeSelector: {} },
    ...{ isServiceDialled: false, isPolicyWanted: false },
  });
  const upper = { annotations: { 'net-exporter.dev/paused': 'TRUE' }, deletionTimestamp: 'now' };
  const { isPaused, isDeleting, status } = resourceFacts(object(upper, { spec, status: { observedGeneration: 1 } }));
  assert.deepEqual(
    { isPaused, isDeleting, status },
    {
      ...{ isPaused: false, isDeleting: true, status: { observedGeneration: 1, conditions: [] } },
    },
  );
});

test('a DaemonSet', () => {
  const annotations = { 'deprecated.daemonset.template.generation': '6' };
  const containers = [{ image: 'agent:1' }];
  const status = { observedGeneration: 3, desiredNumberScheduled: 4, currentNumberScheduled: 3, numberReady: 2 };
  const spec = { template: { spec: { containers, nodeSelector: { a: 'b' } } } };
  assert.deepEqual(daemonSetFacts(object({ ...owned, generation: 3, annotations }, { spec, status })), {
    ...{ uid: 'u', owner: 'owner', isDeleting: false, generation: 3, observedGeneration: 3 },
    ...{ desired: 4, current: 3, updated: 0, ready: 2, template: 6 },
    settings: { image: 'agent:1', tolerations: [], nodeSelector: { a: 'b' } },
  });
});

const podSpec = { nodeName: 'node-1', containers: [{ ports: [{ containerPort: 8000 }] }] };

test('a pod that runs', () => {
  const status = {
    phase: 'Running',
    podIP: '10.0.0.1',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [{ restartCount: 0, state: { running: {} } }],
  };
  const labels = { 'pod-template-generation': '6', 'controller-revision-hash': 'abc' };
  assert.deepEqual(podFacts(object({ ...owned, labels }, { spec: podSpec, status })), {
    ...{ uid: 'u', name: 'x', node: 'node-1', owner: 'owner', isDeleting: false, hasEnded: false, isReady: true },
    ...{
      isUnschedulable: false,
      template: 6,
      revision: 'abc',
      ip: '10.0.0.1',
      port: 8000,
      waiting: '',
      lastEnd: undefined,
    },
    ...{ restarts: 0, isRunning: true },
  });
});

test('a pod whose container ends again and again', () => {
  const terminated = { reason: 'Error', finishedAt: '2026-05-04T10:00:00Z' };
  const waits = { restartCount: 2, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated } };
  const at = Date.parse(terminated.finishedAt);
  const { waiting, lastEnd, isRunning } = podFacts(
    object({}, { spec: podSpec, status: { containerStatuses: [waits] } }),
  );
  assert.deepEqual(
    { waiting, lastEnd, isRunning },
    {
      ...{ waiting: 'CrashLoopBackOff', lastEnd: { reason: 'Error', at, times: 2 }, isRunning: false },
    },
  );
  const ended = { restartCount: 2, state: { terminated } };
  assert.equal(podFacts(object({}, { spec: podSpec, status: { containerStatuses: [ended] } })).lastEnd?.times, 3);
});

test('a pod that no node takes is of the node that it was made for', () => {
  const affinity = {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-3'] }] }],
      },
    },
  };
  const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }];
  const facts = podFacts(
    object({}, { spec: { containers: [{}], affinity }, status: { phase: 'Pending', conditions } }),
  );
  assert.deepEqual([facts.node, facts.isUnschedulable, facts.ip], ['node-3', true, '']);
});

test('a node', () => {
  const status = { conditions: [{ type: 'Ready', status: 'Unknown' }] };
  const facts = nodeFacts(object({ labels: { zone: 'a' } }, { spec: { unschedulable: true }, status }));
  assert.deepEqual(facts, { name: 'x', isReady: false, isCordoned: true, labels: { zone: 'a' } });
});

test('a child, with and without a controller', () => {
  assert.deepEqual(childFacts('Service', object(owned)), {
    ...{ kind: 'Service', name: 'x', owner: 'owner', isDeleting: false },
  });
  assert.equal(childFacts('Service', object({ deletionTimestamp: 'now' })).owner, undefined);
});

test('an Event of a NetExporter, alone and in a series; those of other objects are left out', () => {
  const regarding = { kind: 'NetExporter', uid: 'nx' };
  const event = { type: 'Warning', reason: 'R', note: 'n', eventTime: '2026-05-04T10:00:00.000000Z' };
  const at = Date.parse('2026-05-04T10:00:00Z');
  const facts = { regarding: 'nx', type: 'Warning', reason: 'R', note: 'n', firstAt: at, lastAt: at, count: 1 };
  assert.deepEqual(eventFacts(object({}, { ...event, regarding })), facts);
  const series = { count: 2, lastObservedTime: '2026-05-04T10:01:00.000000Z' };
  assert.deepEqual(eventFacts(object({}, { ...event, regarding, series })), {
    ...facts,
    lastAt: at + 60_000,
    count: 2,
  });
  assert.equal(eventFacts(object({}, { ...event, regarding: { kind: 'Pod', uid: 'p' } })), undefined);
});
