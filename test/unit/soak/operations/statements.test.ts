import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Moment } from '../../../../soak/operations/moment.ts';
import { meanings, statementsAt } from '../../../../soak/operations/statements.ts';
import { condition, conditionsWith, daemonSet, exposed, moment, resource, saying, wellStatus } from './world.ts';

/** The subjects of what is said at a moment and is not so. */
const falseAt = (at: Moment) =>
  statementsAt(at)
    .filter(({ isTrue }) => !isTrue(at))
    .map(({ subject }) => subject);

test('all that is said of agents that are well is so', () => {
  assert.deepEqual(falseAt(moment()), []);
  assert.ok(statementsAt(moment()).length >= 20);
});

test('every figure is compared', () => {
  for (const state of ['desired', 'ready', 'configured', 'reporting'] as const) {
    const said = { ...wellStatus.agents!, [state]: 1 };
    assert.ok(falseAt(moment({ resource: saying({ agents: said }) })).includes(`status.agents.${state}`), state);
    const series = { ...exposed, agents: { ...exposed.agents, [state]: 1 } };
    assert.deepEqual(falseAt(moment({ exposed: [series] })), [`net_exporter_agents ${state}`]);
  }
});

test('a summary is of the figures beside it', () => {
  const said = { ...wellStatus.agents!, summary: '1/2' };
  assert.deepEqual(falseAt(moment({ resource: saying({ agents: said }) })), ['status.agents.summary']);
});

test('a status, and each of its conditions, is of the newest generation', () => {
  const edited = moment({ resource: { ...resource, generation: 4 } });
  const found = falseAt(edited);
  assert.ok(found.includes('status.observedGeneration'));
  for (const type of ['Ready', 'Reconciling', 'Stalled', 'ConfigPropagated'])
    assert.ok(found.includes(`generation of condition ${type}`), type);
  // Such a condition says of which generation it is, and nothing of the newest one.
  assert.ok(!found.includes('condition ConfigPropagated'));
});

test('while it is paused a status stays of the generation that it was', () => {
  const paused = { ...saying({ conditions: [] }), generation: 4, isPaused: true };
  assert.ok(!falseAt(moment({ resource: paused })).includes('status.observedGeneration'));
});

test('what a paused NetExporter says of its agents is compared also after an edit', () => {
  const paused = { ...resource, generation: 4, isPaused: true };
  assert.deepEqual(falseAt(moment({ resource: paused, exposed: [] })), []);
  const lost = moment({ resource: paused, daemonSet: { ...daemonSet, ready: 1 }, exposed: [] });
  assert.ok(falseAt(lost).includes('message of condition Ready: n of m agents are ready'));
});

test('a NetExporter without a status has none that is of the newest generation', () => {
  const silent = moment({ resource: { ...resource, status: undefined }, exposed: [] });
  assert.deepEqual(falseAt(silent), ['status.observedGeneration']);
});

test('a condition that is absent is false', () => {
  const conditions = wellStatus.conditions.filter(({ type }) => type !== 'ConfigPropagated');
  const at = moment({ resource: saying({ conditions }), exposed: [] });
  assert.deepEqual(falseAt(at), ['condition ConfigPropagated']);
});

test('a condition is compared by its reason, and by what its message names', () => {
  const lost = moment({ daemonSet: { ...daemonSet, ready: 1 }, pods: [moment().pods[0]!] });
  assert.ok(falseAt(lost).includes('message of condition Ready: n of m agents are ready'));
  const conditions = conditionsWith(condition('Stalled', 'True', 'AgentCrashLooping'));
  assert.ok(falseAt(moment({ resource: saying({ conditions }) })).includes('condition Stalled'));
});

test('the metrics of conditions and generations are compared with the API', () => {
  const conditions = { ...exposed.conditions, Ready: 'False' };
  const series = { ...exposed, conditions, generation: 2, observedGeneration: undefined };
  assert.deepEqual(falseAt(moment({ exposed: [series] })), [
    'net_exporter_generation',
    'net_exporter_observed_generation',
    'net_exporter_resource_condition Ready',
  ]);
});

test('only the operator that leads exposes series', () => {
  const silent = {
    pod: 'operator-2',
    agents: {},
    conditions: {},
    generation: undefined,
    observedGeneration: undefined,
  };
  assert.deepEqual(falseAt(moment({ exposed: [exposed, silent] })), []);
  assert.deepEqual(falseAt(moment({ exposed: [exposed, { ...exposed, pod: 'operator-2' }] })), [
    'series of a standby: operator-2',
  ]);
});

test('nothing is said of a NetExporter that goes', () => {
  assert.deepEqual(statementsAt(moment({ resource: undefined })), []);
  assert.deepEqual(statementsAt(moment({ resource: { ...resource, isDeleting: true } })), []);
  assert.deepEqual(statementsAt(moment({ isNamespaceEnding: true })), []);
});

test('what each statement means is written down', () => {
  for (const { subject } of statementsAt(moment())) {
    const [name = ''] = subject.split(' ');
    const known = [name, 'generation of a condition', 'message of a condition', 'reason AgentsReady'];
    assert.ok(
      known.some((key) => key in meanings),
      subject,
    );
  }
  assert.ok(Object.values(meanings).every((text) => text !== ''));
});
