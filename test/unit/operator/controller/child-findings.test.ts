import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApplyResult } from '../../../../src/operator/apply/applier.ts';
import { type ChildOutcome, findingsOf as findingsIn } from '../../../../src/operator/controller/child-findings.ts';
import { ApiError } from '../../../../src/operator/kube/api-error.ts';
import type { KubeObject } from '../../../../src/operator/kube/kube-object.ts';

const findingsOf = (outcomes: readonly ChildOutcome[]) => findingsIn(outcomes, 'monitoring');
const object = {} as KubeObject;
const nothing = { obstacles: [], waitingFor: [], changes: [], failure: undefined, requeueAfterMs: Infinity };
const what = 'DaemonSet default-agent';
const conflict = { managers: ['someone-else'], fields: ['spec.template'], requeueAfterMs: 20_000 };
const of = (...results: ApplyResult[]) => findingsOf(results.map((result): ChildOutcome => ({ what, result })));

test('objects that are as they should be leave nothing to tell', () => {
  assert.deepEqual(findingsOf([]), nothing);
  assert.deepEqual(of({ action: 'unchanged', object }), nothing);
});

test('what was created, updated or deleted is told in the order in which it was', () => {
  const outcomes: ChildOutcome[] = [
    { what: 'ConfigMap default-agent', result: { action: 'created', object } },
    { what, result: { action: 'updated', object, drift: ['spec.template'] } },
    { what: 'NetworkPolicy default-agent', result: { action: 'deleted' } },
  ];
  assert.deepEqual(findingsOf(outcomes), {
    ...nothing,
    changes: [
      'created ConfigMap default-agent',
      'updated DaemonSet default-agent',
      'deleted NetworkPolicy default-agent',
    ],
  });
});

test('an object of someone else is an obstacle, one that has to go first is waited for', () => {
  const findings = of({ action: 'left', why: 'has no controller' });
  const advice = 'If nothing else needs it, delete it: `kubectl delete -n monitoring daemonset/default-agent`.';
  const message = `${what} already exists and has no controller. ${advice}`;
  assert.deepEqual(findings.obstacles, [{ reason: 'ObjectNotOurs', message, objects: [what] }]);
  assert.deepEqual(of({ action: 'waiting', why: 'is being deleted' }).waitingFor, [`${what} is being deleted.`]);
  assert.equal(of({ action: 'replacing', field: 'spec.selector', deleted: true }).waitingFor.length, 1);
});

test('objects of someone else are one obstacle that names them all, the most important first, with one command', () => {
  const left = (what: string, why = 'has no controller'): ChildOutcome => ({ what, result: { action: 'left', why } });
  const outcomes: ChildOutcome[] = [
    left('PodMonitor a-agent'),
    left('ServiceAccount a-agent', 'has no controller and is not adopted because of the annotation x'),
    left('Service a-agent'),
    left('Service a-agent-peers'),
    left('NetworkPolicy a-agent'),
    left('ConfigMap a-agent'),
    {
      what: 'DaemonSet a-agent',
      result: { action: 'withheld', until: ['ServiceAccount a-agent', 'ConfigMap a-agent'] },
    },
  ];
  const { obstacles } = findingsOf(outcomes);
  const message = [
    'ConfigMap a-agent, NetworkPolicy a-agent, Service a-agent, Service a-agent-peers, PodMonitor a-agent already exist,',
    'and each has no controller. ServiceAccount a-agent already exists and has no controller and is not adopted because',
    'of the annotation x. If nothing else needs them, delete them: `kubectl delete -n monitoring configmap/a-agent',
    'serviceaccount/a-agent networkpolicy/a-agent service/a-agent service/a-agent-peers podmonitor/a-agent`. DaemonSet',
    'a-agent uses ServiceAccount a-agent and ConfigMap a-agent and is neither created nor changed until then.',
  ].join(' ');
  const services = ['Service a-agent', 'Service a-agent-peers'];
  const objects = [
    'ConfigMap a-agent',
    'ServiceAccount a-agent',
    'NetworkPolicy a-agent',
    ...services,
    'PodMonitor a-agent',
  ];
  assert.deepEqual(obstacles, [{ reason: 'ObjectNotOurs', message, objects }]);
});

test('the command is whole in a condition, however long the names are', () => {
  const name = `${'n'.repeat(40)}-agent`;
  const outcomes = ['ServiceAccount', 'Service', 'NetworkPolicy', 'PodMonitor', 'ConfigMap', 'DaemonSet'].map(
    (kind): ChildOutcome => ({ what: `${kind} ${name}`, result: { action: 'left', why: 'has no controller' } }),
  );
  const peers: ChildOutcome = { what: `Service ${name}-peers`, result: { action: 'left', why: 'has no controller' } };
  const [obstacle] = findingsIn([...outcomes, peers], 's'.repeat(63)).obstacles;
  assert.match(obstacle!.message.slice(0, 999), /: `kubectl delete -n s+( [a-z]+\/n+-agent(-peers)?){7}`\.$/);
});

test('who changes an object back is an obstacle, and is looked at again as soon as the first of them is due', () => {
  const findings = of(
    { action: 'yielded', object, conflict: { ...conflict, requeueAfterMs: 40_000 } },
    { action: 'updated', object, drift: ['spec.template'], conflict },
    { action: 'unchanged', object, conflict: { ...conflict, requeueAfterMs: 30_000 } },
  );
  assert.deepEqual(
    findings.obstacles.map(({ reason }) => reason),
    ['FieldConflict', 'FieldConflict', 'FieldConflict'],
  );
  assert.equal(findings.requeueAfterMs, 20_000);
  assert.deepEqual(findings.changes, [], 'to mend it again is no change');
});

test('an error is an obstacle; only one that may pass makes the reconcile fail', () => {
  const rejected = new ApiError('Invalid', 'spec.template is invalid', { status: 422 });
  const passing = new ApiError('Unavailable', 'etcd is away', { status: 500 });
  assert.deepEqual(findingsOf([{ what, error: rejected, failed: 'apply' }]), {
    ...nothing,
    obstacles: [
      {
        reason: 'ApplyRejected',
        message: `Cannot apply ${what}: spec.template is invalid. Correct the spec.`,
        objects: [what],
      },
    ],
  });
  const findings = findingsOf([
    { what, error: passing, failed: 'delete' },
    { what, error: rejected, failed: 'apply' },
  ]);
  assert.equal(findings.failure, passing);
  assert.deepEqual(
    findings.obstacles.map(({ reason }) => reason),
    ['ApplyFailed', 'ApplyRejected'],
  );
  const advice = 'The operator retries. If this persists, check the API server and its admission webhooks.';
  assert.equal(findings.obstacles[0]!.message, `Cannot delete ${what}: etcd is away. ${advice}`);
});

test('a write that timed out says which object, that an admission webhook may be slow, and is retried', () => {
  const error = new ApiError('Timeout', 'no response to the write within about 14 s');
  const findings = findingsOf([{ what, error, failed: 'apply' }]);
  const message = `Cannot apply ${what}: no response to the write within about 14 s. An admission webhook may be slow. The operator retries.`;
  assert.deepEqual(findings, {
    ...nothing,
    obstacles: [{ reason: 'WriteTimedOut', message, objects: [what] }],
    failure: error,
  });
});

for (const [field, of] of [
  ['spec.template.spec.tolerations[0].operator', 'spec.agent.tolerations[0].operator'],
  ['spec.template.spec.containers[0].resources.limits[x]', 'spec.agent.resources.limits[x]'],
  ['spec.template.spec.containers[0].image', 'spec.agent.image'],
  ['spec.template.spec.affinity.nodeAffinity', 'spec.agent.affinity.nodeAffinity'],
  ['spec.template.annotations', 'spec.agent.podAnnotations'],
  ['spec.template.spec.containers[0].ports', 'spec.template.spec.containers[0].ports'],
] as const)
  test(`a rejected ${field} is called ${of}`, () => {
    const error = new ApiError('Invalid', `DaemonSet.apps "x" is invalid: ${field}: Unsupported value`, {
      status: 422,
    });
    const [obstacle] = findingsOf([{ what, error, failed: 'apply' }]).obstacles;
    assert.equal(obstacle?.message.includes(`is invalid: ${of}: Unsupported value. Correct the spec.`), true);
  });
