import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition, EventFacts } from '../../../../soak/operations/facts.ts';
import {
  badTransitions,
  type StatusVersion,
  type Transition,
  toldBy,
  warningsOfPlanned,
} from '../../../../soak/operations/transitions.ts';
import { condition, conditionsWith, wellStatus } from './world.ts';

const at = Date.parse('2026-05-04T10:00:00Z');
const seconds = 1000;

function version(conditions: Condition[], readyAgents = 2, resource = 'nx'): StatusVersion {
  const agents = { ...wellStatus.agents!, ready: readyAgents };
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

const transition: Transition = {
  at,
  resource: 'nx',
  condition: 'Ready',
  reason: 'AgentsNotReady',
  message: '1 of 2 agents are ready. Check the logs.',
  operation: '1 (agent that hangs)',
};

function event(over: Partial<EventFacts> = {}): EventFacts {
  const { reason, message: note } = transition;
  const times = { firstAt: at + 100, lastAt: at + 100, count: 1 };
  return { regarding: 'nx', type: 'Warning', reason, note, ...times, ...over };
}

test('a transition is told by a Warning with its reason and message at its time', () => {
  assert.equal(toldBy(transition, [event()]), 'event');
  for (const other of [
    event({ type: 'Normal' }),
    event({ regarding: 'other' }),
    event({ reason: 'PodsMissing' }),
    event({ note: '0 of 2 agents are ready. Check the logs.' }),
    event({ firstAt: at - 60 * seconds, lastAt: at - 60 * seconds }),
    event({ firstAt: at + 60 * seconds, lastAt: at + 60 * seconds }),
  ])
    assert.equal(toldBy(transition, [other]), 'not');
  assert.equal(toldBy(transition, []), 'not');
});

test('the second of a series is told by its last time, the ones after by the series while it is open', () => {
  const firstAt = at - 120 * seconds;
  assert.equal(toldBy(transition, [event({ firstAt, lastAt: at, count: 2 })]), 'event');
  assert.equal(toldBy(transition, [event({ firstAt, lastAt: at - 60 * seconds, count: 2 })]), 'series');
  assert.equal(toldBy(transition, [event({ firstAt, lastAt: at - 400 * seconds, count: 2 })]), 'not');
  assert.equal(toldBy(transition, [event({ firstAt, lastAt: firstAt, count: 1 })]), 'not');
});

test('a text that was cut is the same', () => {
  const message = `${'x'.repeat(2000)}`;
  assert.equal(toldBy({ ...transition, message }, [event({ note: `${'x'.repeat(1000)}…` })]), 'event');
});

test('a Warning during what was planned is found, a Normal one and one at another time are not', () => {
  const planned = [{ from: at, until: at + 60 * seconds, operation: '2 (drain)' }];
  assert.deepEqual(warningsOfPlanned([event({ firstAt: at - seconds, lastAt: at - seconds })], planned), []);
  assert.deepEqual(warningsOfPlanned([event({ type: 'Normal' })], planned), []);
  assert.deepEqual(warningsOfPlanned([event({ note: 'x' })], planned), [
    'a Warning AgentsNotReady during 2 (drain), which was planned: x',
  ]);
});
