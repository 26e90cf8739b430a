import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentPodOf } from '../../../../src/operator/agents/agent-pod.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';
import { heapUsed } from '../heap.ts';

function pod(status: object, more: { metadata?: object; spec?: object } = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'default-agent-x',
      namespace: 'monitoring',
      uid: 'p',
      resourceVersion: '1',
      labels: { 'app.kubernetes.io/instance': 'default' },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'default-agent', uid: 'd', controller: true },
      ],
      ...more.metadata,
    },
    spec: { nodeName: 'n1', containers: [{ name: 'agent', image: 'agent:1' }], ...more.spec },
    status,
  };
}

function container(state: object, more: object = {}): object {
  const status = { name: 'agent', image: 'example.com/agent@sha256:0', ready: false, restartCount: 0, state, ...more };
  return { containerStatuses: [status] };
}

const faultOf = (status: object, more = {}) => agentPodOf(pod(status, more)).fault;

test('of a pod that runs nothing is kept but whose it is, where it is and how it is', () => {
  const running = container({ running: {} }, { ready: true });
  const podIPs = [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }];
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:03Z' }];
  const status = { ...running, phase: 'Running', startTime: '2026-01-01T00:00:00Z', podIPs, conditions };
  const ports = [
    { name: 'metrics', containerPort: 8000 },
    { name: 'echo', containerPort: 8000, protocol: 'UDP' },
  ];
  const containers = [
    { name: 'proxy', ports: [{ containerPort: 9000 }] },
    { name: 'agent', ports },
  ];
  const labels = { 'app.kubernetes.io/instance': 'default', 'pod-template-generation': '7' };
  assert.deepEqual(agentPodOf(pod(status, { metadata: { labels }, spec: { containers } })), {
    name: 'default-agent-x',
    uid: 'p',
    owner: 'monitoring/default',
    controller: 'd',
    node: 'n1',
    addresses: ['10.0.0.1', 'fd00::1'],
    port: 8000,
    ready: true,
    wasReady: true,
    deleting: false,
    ended: false,
    fault: undefined,
    template: 7,
  });
});

test('a pod that was ready is told from one that never was by when it ceased to be', () => {
  const notReady = (lastTransitionTime?: string) => {
    const status = {
      startTime: '2026-01-01T00:00:00Z',
      conditions: [{ type: 'Ready', status: 'False', lastTransitionTime }],
    };
    const { ready, wasReady } = agentPodOf(pod(status));
    return { ready, wasReady };
  };
  assert.deepEqual(notReady('2026-01-01T00:00:00Z'), { ready: false, wasReady: false });
  assert.deepEqual(notReady('2026-01-01T00:00:01Z'), { ready: false, wasReady: false });
  assert.deepEqual(notReady('2026-01-01T00:00:05Z'), { ready: false, wasReady: true });
  assert.deepEqual(notReady(undefined), { ready: false, wasReady: false });
  assert.equal(agentPodOf(pod({})).wasReady, false);
});

test('a pod of which nothing is known yet has no address, and one without the agents’ port none', () => {
  const { addresses, port: none, ended, deleting } = agentPodOf(pod({ phase: 'Pending' }));
  assert.deepEqual(
    { addresses, none, ended, deleting },
    { addresses: [], none: undefined, ended: false, deleting: false },
  );
});

test('a pod that is deleted, and one that has ended, are told', () => {
  assert.equal(agentPodOf(pod({}, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } })).deleting, true);
  for (const phase of ['Failed', 'Succeeded']) assert.equal(agentPodOf(pod({ phase })).ended, true);
});

for (const reason of ['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName'])
  test(`${reason}: the image is named as the spec has it`, () => {
    const fault = faultOf(container({ waiting: { reason } }));
    assert.equal(fault?.reason, 'AgentImagePullFailed');
    assert.match(fault.message, /^agent:1: /);
  });

test('a pull that is tried again and again is one fault that does not change its words', () => {
  const [first, second] = ['ErrImagePull', 'ImagePullBackOff'].map((reason) =>
    faultOf(container({ waiting: { reason } })),
  );
  assert.deepEqual(first, second);
});

test('a container that cannot be made or started is a fault of its own', () => {
  const waiting = { reason: 'CreateContainerConfigError', message: 'secret "x"\n not found' };
  assert.deepEqual(faultOf(container({ waiting })), {
    reason: 'AgentStartFailed',
    message: 'agent:1: CreateContainerConfigError: secret "x" not found',
  });
  const terminated = { reason: 'StartError', exitCode: 128, message: 'exec: "node": not found' };
  const fault = faultOf(
    container({ waiting: { reason: 'CrashLoopBackOff' } }, { lastState: { terminated }, restartCount: 4 }),
  );
  assert.equal(fault?.reason, 'AgentStartFailed');
});

test('a crash loop stays one fault while the container shortly runs', () => {
  const lastState = { terminated: { reason: 'Error', exitCode: 1, message: 'bad settings\n' } };
  const more = { lastState, restartCount: 3 };
  const expected = {
    reason: 'AgentCrashLooping',
    message: 'agent:1: Error, exit code 1: bad settings',
  };
  assert.deepEqual(faultOf(container({ waiting: { reason: 'CrashLoopBackOff' } }, more)), expected);
  assert.deepEqual(faultOf(container({ running: {} }, more)), expected);
  assert.equal(faultOf(container({ running: {} }, { ...more, ready: true })), undefined);
});

const from = (start: string, end: string, more: object) => ({
  startedAt: `2026-01-01T${start}Z`,
  finishedAt: `2026-01-01T${end}Z`,
  exitCode: 1,
  ...more,
});
const crashedAt = Date.parse('2026-01-01T00:01:00Z');

test('an agent that crashes by turns tells when, so that being ready in between does not hide it', () => {
  const lastState = { terminated: from('00:00:30', '00:01:00', { reason: 'Error' }) };
  const fault = faultOf(container({ running: {} }, { lastState, restartCount: 2, ready: true }));
  assert.deepEqual(fault, { reason: 'AgentCrashLooping', message: 'agent:1: Error, exit code 1', crashedAt });
  const waiting = faultOf(container({ waiting: { reason: 'CrashLoopBackOff' } }, { lastState, restartCount: 2 }));
  assert.equal(waiting?.crashedAt, undefined);
  assert.equal(waiting?.message, fault?.message);
});

test('containers that ended after a long time, as with a reboot of the node, do not crash repeatedly', () => {
  const lastState = { terminated: from('00:00:00', '00:10:00', { reason: 'Unknown', exitCode: 255 }) };
  for (const ready of [true, false])
    assert.equal(faultOf(container({ running: {} }, { lastState, restartCount: 5, ready })), undefined);
});

test('an agent that is killed for its memory once has that fault, while it is down and when it runs again', () => {
  const killed = from('00:00:00', '00:01:00', { reason: 'OOMKilled', exitCode: 137 });
  const expected = { reason: 'AgentOOMKilled', message: 'agent:1: OOMKilled, exit code 137' };
  assert.deepEqual(faultOf(container({ terminated: killed })), expected);
  const lastState = { terminated: killed };
  const loop = container({ waiting: { reason: 'CrashLoopBackOff' } }, { lastState, restartCount: 3 });
  assert.deepEqual(faultOf(loop), expected);
  for (const ready of [true, false])
    assert.deepEqual(faultOf(container({ running: {} }, { lastState, restartCount: 1, ready })), {
      ...expected,
      crashedAt,
    });
});

test('one restart is no crash loop', () => {
  const lastState = { terminated: { reason: 'Error', exitCode: 1 } };
  assert.equal(faultOf(container({ running: {} }, { lastState, restartCount: 1 })), undefined);
});

test('each crash by the same signal has the same message', () => {
  const messages = [1, 2].map((second) => {
    const message = JSON.stringify({ time: `2026-01-01T00:00:0${second}.5Z`, level: 'info', msg: 'probing' });
    const lastState = { terminated: { reason: 'Error', exitCode: 137, message } };
    return faultOf(container({ waiting: { reason: 'CrashLoopBackOff' } }, { lastState, restartCount: 3 }))?.message;
  });
  assert.deepEqual(messages, Array(2).fill('agent:1: Error, killed by signal 9'));
});

test('a pod that no scheduler places tells which node it was for', () => {
  const nodeSelectorTerms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n7'] }] }];
  const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
  const conditions = [
    { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'Insufficient memory' },
  ];
  const { node, fault } = agentPodOf(pod({ conditions }, { spec: { nodeName: undefined, affinity } }));
  assert.equal(node, 'n7');
  assert.deepEqual(fault, {
    reason: 'AgentUnschedulable',
    message: 'Insufficient memory',
  });
});

test('a pod that is going away has no fault', () => {
  const status = container({ waiting: { reason: 'ImagePullBackOff' } });
  assert.equal(faultOf(status, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }), undefined);
});

test('a container that is still being made, and one that someone injected, are told apart', () => {
  assert.equal(faultOf(container({ waiting: { reason: 'ContainerCreating' } })), undefined);
  const proxy = {
    name: 'proxy',
    image: 'proxy:2',
    ready: false,
    restartCount: 0,
    state: { waiting: { reason: 'ErrImagePull' } },
  };
  const containers = [
    { name: 'agent', image: 'agent:1' },
    { name: 'proxy', image: 'proxy:1' },
  ];
  assert.match(
    faultOf({ containerStatuses: [proxy] }, { spec: { nodeName: 'n1', containers } })!.message,
    /^proxy:1: /,
  );
});

test('of a pod with an image of a million characters, and an owner of the same, little is kept', () => {
  const before = heapUsed();
  const kept = Array.from({ length: 20 }, (_, n) => {
    const huge = `${n}${'x'.repeat(1_000_000)}`;
    const waiting = { reason: 'CreateContainerError', message: `no such image ${huge}` };
    const ownerReferences = [{ apiVersion: 'a', kind: 'b', name: 'c', uid: huge, controller: true }];
    const containers = [{ name: 'agent', image: huge }];
    return agentPodOf(pod(container({ waiting }), { metadata: { ownerReferences }, spec: { containers } }));
  });
  const growth = heapUsed() - before;
  // V8 keeps the text that a regular expression was matched with last.
  assert.ok(growth < 3e6, `the heap grew by ${growth} bytes`);
  for (const { fault } of kept) assert.ok(fault!.message.length <= 1000);
});
