import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Moment } from '../../../../soak/operations/moment.ts';
import { childrenOf, isSo, reasons } from '../../../../soak/operations/reasons.ts';
import { conditionReasons } from '../../../../src/contract/reasons.ts';
import { agents, condition, daemonSet, moment, node, now, pod, resource } from './world.ts';

const second = (over: Parameters<typeof pod>[1]) => moment({ pods: [pod('node-1'), pod('node-2', over)] });
const wall = moment().wall;
const nowhere = moment({ resource: { ...resource, agent: { ...resource.agent, nodeSelector: { disk: 'ssd' } } } });
const orphan = { kind: 'ConfigMap', name: 'soak-agent', owner: undefined, isDeleting: false };
const well = moment();
const outdated = moment({ agents: agents({}, { generation: 2 }) });
const waiting = second({ isReady: false, isRunning: false, waiting: 'ImagePullBackOff' });

/** For each reason a moment at which it is so, and one at which it is not. */
const cases: [type: string, status: string, reason: string, so: Moment, notSo: Moment][] = [
  ['Ready', 'True', 'AgentsReady', well, waiting],
  ['Ready', 'True', 'NoNodes', nowhere, well],
  ['Stalled', 'True', 'ObjectNotOurs', moment({ children: [orphan] }), well],
  ['Stalled', 'True', 'FieldConflict', moment({ overwrites: 3 }), moment({ overwrites: 1 })],
  ['Stalled', 'True', 'PodsRefused', moment({ daemonSet: { ...daemonSet, current: 1 } }), well],
  ['Stalled', 'True', 'AgentImagePullFailed', waiting, well],
  ['Stalled', 'True', 'AgentStartFailed', second({ waiting: 'CreateContainerError' }), waiting],
  [
    ...(['Stalled', 'True', 'AgentOOMKilled'] as const),
    second({ lastEnd: { reason: 'OOMKilled', at: wall - 1000, times: 1 } }),
    second({ lastEnd: { reason: 'OOMKilled', at: wall - 700_000, times: 1 } }),
  ],
  [
    ...(['Stalled', 'True', 'AgentCrashLooping'] as const),
    second({ lastEnd: { reason: 'Error', at: wall - 1000, times: 2 } }),
    second({ lastEnd: { reason: 'Error', at: wall - 1000, times: 1 } }),
  ],
  ['Stalled', 'True', 'ProgressDeadlineExceeded', waiting, well],
  ['Stalled', 'False', 'NoObstacle', well, waiting],
  ['Reconciling', 'True', 'WaitingForDeletion', moment({ isNamespaceEnding: true }), well],
  ['Reconciling', 'True', 'WaitingForFinalizers', moment({ resource: { ...resource, isDeleting: true } }), well],
  ['Reconciling', 'True', 'ApplyFailed', moment({ isNamespaceEnding: true }), well],
  ['Reconciling', 'True', 'DaemonSetPending', moment({ daemonSet: undefined }), well],
  ['Reconciling', 'True', 'PodsMissing', moment({ daemonSet: { ...daemonSet, current: 1 } }), well],
  ['Reconciling', 'True', 'AgentUnschedulable', second({ isUnschedulable: true }), well],
  [
    ...(['Reconciling', 'True', 'RollingOut'] as const),
    { ...second({ template: 3, revision: 'of-3' }), daemonSet: { ...daemonSet, updated: 1 } },
    second({ template: 3, revision: 'of-3' }),
  ],
  ['Reconciling', 'True', 'AgentsNotReady', second({ isReady: false }), well],
  ['Reconciling', 'False', 'Settled', well, waiting],
  ['Reconciling', 'False', 'Paused', moment({ resource: { ...resource, isPaused: true } }), well],
  ['ConfigPropagated', 'True', 'AgentsConfigured', well, outdated],
  ['ConfigPropagated', 'True', 'NoAgents', moment({ pods: [] }), well],
  ['ConfigPropagated', 'False', 'AgentsWaiting', outdated, well],
  ['ConfigPropagated', 'False', 'AgentsOutOfSync', moment({ agents: agents({}, { syncAge: 70_000 }) }), well],
  [
    ...(['ConfigPropagated', 'Unknown', 'Warming'] as const),
    moment({ leader: { pod: 'operator-2', since: now - 30_000 } }),
    well,
  ],
  ['ConfigPropagated', 'Unknown', 'NotApplied', moment({ daemonSet: undefined }), well],
  ['ConfigPropagated', 'False', 'SyncUnavailable', moment({ hasSyncService: false }), well],
];

for (const [type, status, reason, so, notSo] of cases)
  test(`${type} ${status} ${reason} is compared with what is so`, () => {
    const said = condition(type, status, reason);
    assert.equal(isSo(said, so, [said]), true);
    assert.equal(isSo(said, notSo, [said]), false);
  });

test('a fault on a node that is not ready is no obstacle', () => {
  const nodes = [node('node-1'), node('node-2', false)];
  const said = condition('Stalled', 'False', 'NoObstacle');
  assert.equal(isSo(said, { ...waiting, nodes }, [said]), true);
});

test('Reconciling may refer to Stalled only where Stalled is True', () => {
  const said = condition('Reconciling', 'False', 'Stalled');
  assert.equal(isSo(said, well, [said, condition('Stalled', 'True', 'AgentImagePullFailed')]), true);
  assert.equal(isSo(said, well, [said, condition('Stalled', 'False', 'NoObstacle')]), false);
});

test('a reason of another condition or status is false, and so is one that nobody knows', () => {
  for (const said of [
    condition('Ready', 'False', 'AgentsReady'),
    condition('Stalled', 'True', 'AgentsReady'),
    condition('Ready', 'True', 'SomethingElse'),
  ])
    assert.equal(isSo(said, well, [said]), false);
});

/** Of the conditions about health, whose truth the observer of this soak does not know. */
const ofHealth = ['NoSuspects', 'SuspectsFound', 'Disabled', 'NoPeers', 'NoReports', 'NotSynced', 'IntervalTooLong'];

test('every reason of the operator is judged, but those of health and those that no operation of the soak can cause', () => {
  const judged = new Set(Object.keys(reasons));
  assert.deepEqual(
    conditionReasons.filter((reason) => !judged.has(reason)),
    ['InvalidSpec', 'ApplyRejected', 'ReconcileFailed', 'WriteTimedOut', 'ProbesLimited', 'PlanFailed', ...ofHealth],
  );
  assert.deepEqual(
    [...judged].filter((reason) => !(conditionReasons as readonly string[]).includes(reason)),
    [],
  );
});

test('the children of a NetExporter depend on its spec', () => {
  assert.equal(childrenOf('soak', resource).length, 6);
  assert.deepEqual(childrenOf('soak', { ...resource, isServiceDialled: false, isPolicyWanted: false }), [
    'ServiceAccount soak-agent',
    'ConfigMap soak-agent',
    'DaemonSet soak-agent',
    'Service soak-agent-peers',
  ]);
});
