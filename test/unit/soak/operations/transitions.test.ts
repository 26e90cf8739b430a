import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition } from '../../../../soak/operations/facts.ts';
import { badTransitions, type StatusVersion } from '../../../../soak/operations/transitions.ts';
import { condition, conditionsWith, wellStatus } from './world.ts';

const at = Date.parse('2026-05-04T10:00:00Z');

function version(conditions: Condition[], readyAgents = 2, resource = 'nx', desired = 2): StatusVersion {
  const agents = { ...wellStatus.agents!, ready: readyAgents, desired };
  return { at, resource, status: { ...wellStatus, agents, conditions }, operation: '1 (agent that hangs)' };
}

const well = version(wellStatus.conditions);
const reasonsOf = (before: StatusVersion | undefined, after: StatusVersion) =>
  badTransitions(before, after).map(({ condition, reason }) => `${condition} ${reason}`);
const notReady = condition('Ready', 'False', 'AgentsNotReady', '1 of 2 agents are ready.');

test('each change to a bad state is one', () => {
  const bad: [Condition, number][] = [
    [condition('Stalled', 'True', 'AgentImagePullFailed'), 2],
    [notReady, 1],
    [condition('Ready', 'False', 'PodsMissing'), 1],
    [condition('Ready', 'False', 'AgentUnschedulable'), 2],
    [condition('Ready', 'False', 'ApplyFailed'), 2],
    [condition('Ready', 'False', 'WriteTimedOut'), 2],
    [condition('Ready', 'True', 'NoNodes'), 0],
    [condition('ConfigPropagated', 'False', 'AgentsOutOfSync'), 2],
    [condition('ConfigPropagated', 'False', 'PlanFailed'), 2],
    [condition('ConfigPropagated', 'False', 'SyncUnavailable'), 2],
    [condition('Ready', 'False', 'Paused'), 0],
  ];
  for (const [each, ready] of bad)
    assert.deepEqual(reasonsOf(well, version(conditionsWith(each), ready)), [`${each.type} ${each.reason}`]);
});

test('what is planned, on its way or good is none', () => {
  const fine: [Condition, number][] = [
    [condition('Ready', 'False', 'RollingOut'), 1],
    [condition('Ready', 'False', 'DaemonSetPending'), 2],
    // A new node has no agent yet: none was lost.
    [condition('Ready', 'False', 'PodsMissing'), 2],
    [condition('ConfigPropagated', 'False', 'AgentsWaiting'), 2],
    [condition('ConfigPropagated', 'Unknown', 'Warming'), 2],
    [condition('Reconciling', 'True', 'RollingOut'), 2],
  ];
  for (const [each, ready] of fine) assert.deepEqual(reasonsOf(well, version(conditionsWith(each), ready)), []);
});

test('a state that goes on is no change, another reason is one', () => {
  const pull = version(conditionsWith(condition('Stalled', 'True', 'AgentImagePullFailed')));
  const crash = version(conditionsWith(condition('Stalled', 'True', 'AgentCrashLooping')));
  assert.deepEqual(reasonsOf(pull, pull), []);
  assert.deepEqual(reasonsOf(pull, crash), ['Stalled AgentCrashLooping']);
});

test('a loss that Stalled tells is told by Stalled', () => {
  const stalled = conditionsWith(notReady, condition('Stalled', 'True', 'AgentCrashLooping'));
  assert.deepEqual(reasonsOf(well, version(stalled, 1)), ['Stalled AgentCrashLooping']);
});

test('another NetExporter has no status before', () => {
  const stalled = version(conditionsWith(condition('Stalled', 'True', 'ObjectNotOurs')), 0, 'other');
  assert.deepEqual(reasonsOf(well, stalled), ['Stalled ObjectNotOurs']);
  assert.deepEqual(reasonsOf(undefined, version(conditionsWith(notReady), 1)), []);
});

test('another agent that is lost is one while Ready is False already, and a rollout, a new node and an edit are none', () => {
  const of = (ready: number, reason = 'AgentsNotReady', desired = 4) =>
    version(conditionsWith(condition('Ready', 'False', reason, `${ready} of ${desired}`)), ready, 'nx', desired);
  assert.deepEqual(reasonsOf(of(3), of(2)), ['Ready AgentsNotReady']);
  assert.deepEqual(reasonsOf(of(3), of(2, 'PodsMissing')), ['Ready PodsMissing']);
  for (const [before, after] of [
    [of(3), of(3)],
    [of(2), of(3)],
    [of(3), of(3, 'AgentsNotReady', 5)],
    [of(3), of(2, 'AgentsNotReady', 3)],
    [of(3, 'RollingOut'), of(2)],
  ] as const)
    assert.deepEqual(reasonsOf(before, after), []);
});

test('another node with the same fault is one, unless it may have been named by number', () => {
  const of = (nodes: string) => version(conditionsWith(condition('Stalled', 'True', 'AgentImagePullFailed', nodes)));
  assert.deepEqual(reasonsOf(of('node-1 (x)'), of('node-1 (x), node-2 (x)')), ['Stalled AgentImagePullFailed']);
  assert.deepEqual(reasonsOf(of('node-1 (x), node-2 (x)'), of('node-1 (x)')), []);
  assert.deepEqual(reasonsOf(of('node-1 (x) and 3 more'), of('node-2 (x) and 2 more')), []);
  const behind = (nodes: string) =>
    version(conditionsWith(condition('ConfigPropagated', 'False', 'AgentsOutOfSync', nodes)));
  assert.deepEqual(reasonsOf(behind('node-1'), behind('node-1, node-2')), [], 'an edit may be on its way to it');
});
