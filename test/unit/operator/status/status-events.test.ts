import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetExporterStatus } from '../../../../src/crd/net-exporter.ts';
import { type Findings, statusOf } from '../../../../src/operator/status/status.ts';
import { conditionChanges, statusEvents } from '../../../../src/operator/status/status-events.ts';

const daemonSet = {
  generation: 1,
  observedGeneration: 1,
  desired: 1,
  created: 1,
  updated: 1,
  ready: 1,
  misscheduled: 0,
};
const healthy: Findings = {
  generation: 1,
  obstacles: [],
  waitingFor: [],
  daemonSet,
  faults: [],
  stranded: [],
  unready: [],
  refusal: undefined,
  isOverdue: false,
  propagation: undefined,
  exceeded: [],
};
const of = (findings: Partial<Findings>): NetExporterStatus => statusOf({ ...healthy, ...findings }, undefined, 0);
const ready = of({});
const pending = of({ daemonSet: { ...daemonSet, ready: 0 } });
const twoNodes = of({ daemonSet: { ...daemonSet, desired: 2, created: 2, updated: 2 } });
const notYet = of({
  daemonSet: { ...daemonSet, desired: 2, created: 2, updated: 2 },
  stranded: [{ node: 'n2', isDesired: true, isOutdated: false }],
});
const rolling = of({ daemonSet: { ...daemonSet, updated: 0 } });
const noNodes = of({ daemonSet: { ...daemonSet, desired: 0, created: 0, updated: 0, ready: 0 } });
const notOurs = of({ obstacles: [{ reason: 'ObjectNotOurs', message: 'Service a' }] });
const refused = of({ obstacles: [{ reason: 'ApplyRejected', message: 'Service a' }] });
const timedOut = of({ obstacles: [{ reason: 'WriteTimedOut', message: 'Service a' }] });

const spread = { agents: 1, configured: 1, reporting: 1, unheard: 0, isOverdue: false, waiting: [] };
const lacking = { ...spread, configured: 0, waiting: [{ node: 'n1', why: 'outdated settings' }] };
const propagated = of({ propagation: spread });
const waiting = of({ propagation: lacking });
const unheard = of({ propagation: { ...lacking, unheard: 1 } });
const outOfSync = of({ propagation: { ...lacking, isOverdue: true } });
const unavailable = of({ propagation: { obstacle: 'no Service' } });

for (const [what, before, after, expected] of [
  ['having become ready', pending, ready, ['Normal AgentsReady']],
  ['being ready from the beginning', undefined, ready, ['Normal AgentsReady']],
  ['staying ready', ready, ready, []],
  ['agents that are not ready yet', undefined, pending, []],
  ['an agent that is no longer ready', ready, pending, ['Warning AgentsNotReady']],
  ['an agent that is still not ready', pending, pending, []],
  ['an agent on a new node', ready, twoNodes, ['Normal AgentsNotReady']],
  ['a new node that becomes ready before its agent', notYet, twoNodes, ['Normal AgentsNotReady']],
  ['a rollout', ready, rolling, ['Normal RollingOut']],
  ['the end of a rollout', rolling, pending, []],
  ['a selector that no longer matches', ready, noNodes, ['Warning NoNodes']],
  ['a selector that never matched', undefined, noNodes, ['Warning NoNodes']],
  ['a selector that matches again', noNodes, ready, ['Normal AgentsReady']],
  ['being stalled', ready, notOurs, ['Warning ObjectNotOurs']],
  ['staying stalled', notOurs, notOurs, []],
  ['being stalled for another reason', notOurs, refused, ['Warning ApplyRejected']],
  ['a write that timed out', rolling, timedOut, ['Warning WriteTimedOut']],
  ['an edit that is on its way', propagated, waiting, []],
  ['an edit that arrived', waiting, propagated, ['Normal AgentsConfigured']],
  ['an agent that stays behind', waiting, outOfSync, ['Warning AgentsOutOfSync']],
  ['an agent that still stays behind', outOfSync, outOfSync, []],
  ['agents that cannot reach the operator', propagated, unavailable, ['Warning SyncUnavailable']],
  ['an agent that a new leader has not heard of', propagated, unheard, []],
  ['an agent that a new leader has heard of at last', unheard, propagated, ['Normal AgentsConfigured']],
] as const)
  test(`${what} is worth ${expected.length === 0 ? 'no Event' : expected.join(', ')}`, () => {
    const events = statusEvents({ before, after });
    assert.deepEqual(
      events.map(({ type, reason }) => `${type} ${reason}`),
      expected,
    );
  });

test('an Event says what the condition says', () => {
  const [event] = statusEvents({ before: ready, after: notOurs });
  assert.equal(event?.note, 'Service a');
});

test('a change names the conditions whose status or reason is another one', () => {
  const changed = (before: NetExporterStatus | undefined, after: NetExporterStatus) =>
    conditionChanges({ before, after }).map(({ after: { type, status } }) => `${type} ${status}`);
  assert.deepEqual(changed(ready, ready), []);
  assert.deepEqual(changed(waiting, propagated), ['ConfigPropagated True']);
  assert.deepEqual(changed(ready, notOurs), ['Ready False', 'Reconciling False', 'Stalled True']);
  assert.deepEqual(changed(undefined, ready), ['Ready True', 'Reconciling False', 'Stalled False']);
});
