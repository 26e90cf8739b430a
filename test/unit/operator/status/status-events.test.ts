import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetExporterStatus } from '../../../../src/crd/net-exporter.ts';
import { type Findings, pausedStatusOf, statusOf } from '../../../../src/operator/status/status.ts';
import { conditionChanges, repeatedEvents, statusEvents } from '../../../../src/operator/status/status-events.ts';
import { deadNode, judgedFleet } from '../judge/judgements.ts';

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
  judged: undefined,
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
const three = { ...daemonSet, desired: 3, created: 3, updated: 3 };
const oneOfThree = (ready: number) => of({ daemonSet: { ...three, ready } });
const twoMissing = of({ daemonSet: { ...three, created: 1, ready: 1 } });
const rollingOf = (ready: number) => of({ daemonSet: { ...three, updated: 1, ready } });
const fewerWanted = of({ daemonSet: { ...daemonSet, desired: 2, created: 1, updated: 1, ready: 1 } });
const paused = pausedStatusOf({ ...healthy, daemonSet: undefined }, undefined, 0);
const noNodes = of({ daemonSet: { ...daemonSet, desired: 0, created: 0, updated: 0, ready: 0 } });
const notOurs = of({ obstacles: [{ reason: 'ObjectNotOurs', message: 'Service a' }] });
const refused = of({ obstacles: [{ reason: 'ApplyRejected', message: 'Service a' }] });
const timedOut = of({ obstacles: [{ reason: 'WriteTimedOut', message: 'Service a' }] });

const spread = { agents: 1, configured: 1, reporting: 1, unheard: 0, overdue: [], waiting: [] };
const lacking = { ...spread, configured: 0, waiting: [{ node: 'n1', why: 'outdated settings' }] };
const propagated = of({ propagation: spread });
const waiting = of({ propagation: lacking });
const unheard = of({ propagation: { ...lacking, unheard: 1 } });
const outOfSync = of({ propagation: { ...lacking, overdue: ['n1'] } });
const unavailable = of({ propagation: { obstacle: 'no Service' } });

const judged = (over: Parameters<typeof judgedFleet>[0]) => of({ propagation: spread, judged: judgedFleet(over) });
const healthyNetwork = judged({});
const warming = judged({ verdict: { isWarming: true } });
const node = deadNode();
const faulty = judged({ verdict: { suspects: [node] } });
const worse = judged({ verdict: { suspects: [node, deadNode({ name: 'node-8' })] } });
const adopted = judged({ verdict: { suspects: [node], isWarming: true } });
const server = deadNode({ kind: 'DNSServer', name: '10.0.3.7:53' });
const both = judged({ verdict: { suspects: [node, server] } });
const external = judged({ verdict: { suspects: [deadNode({ kind: 'Host', name: 'example.com' })] } });
const blind = judged({ verdict: { reporting: 0 }, dns: { unknown: 'NoReports' }, network: { unknown: 'NoReports' } });
const tooLong = judged({ dns: { unknown: 'IntervalTooLong' }, network: { unknown: 'IntervalTooLong' } });
const dnsOff = judged({ dns: { unknown: 'Disabled' } });

for (const [what, before, after, expected] of [
  ['having become ready', pending, ready, ['Normal AgentsReady']],
  ['being ready from the beginning', undefined, ready, ['Normal AgentsReady']],
  ['staying ready', ready, ready, []],
  ['agents that are not ready yet', undefined, pending, []],
  ['an agent that is no longer ready', ready, pending, ['Warning AgentsNotReady']],
  ['an agent that is still not ready', pending, pending, []],
  ['another agent that is no longer ready', oneOfThree(2), oneOfThree(1), []],
  ['another agent whose pod is missing', oneOfThree(2), twoMissing, ['Warning PodsMissing']],
  ['an agent that a rollout stops', rollingOf(2), oneOfThree(1), []],
  ['the loss of an agent that is no longer wanted', oneOfThree(2), fewerWanted, []],
  ['a DaemonSet that is gone while paused', ready, paused, ['Warning Paused']],
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
  ['a suspect, which has an Event of its own,', healthyNetwork, faulty, []],
  ['a second suspect', faulty, worse, []],
  ['the end of a suspect, which has an Event of its own,', faulty, healthyNetwork, []],
  ['a name outside of the cluster', healthyNetwork, external, []],
  ['a new leader', healthyNetwork, warming, []],
  ['health that a new leader knows at last', warming, healthyNetwork, ['Normal NoSuspects', 'Normal NoSuspects']],
  ['a suspect that a new leader has found by itself', warming, faulty, ['Normal NoSuspects']],
  ['a suspect that a new leader has taken over', adopted, faulty, ['Normal NoSuspects', 'Warning SuspectsFound']],
  ['one more beside it', adopted, both, ['Warning SuspectsFound']],
  ['agents that no longer report', healthyNetwork, blind, ['Warning NoReports']],
  ['agents that report again', blind, healthyNetwork, ['Normal NoSuspects', 'Normal NoSuspects']],
  ['agents that do not report to a new leader', warming, blind, ['Warning NoReports']],
  ['intervals that are too long', healthyNetwork, tooLong, ['Warning IntervalTooLong']],
  ['DNS probes that are turned off', healthyNetwork, dnsOff, []],
  ['an agent that a new leader has heard of at last', unheard, propagated, ['Normal AgentsConfigured']],
] as const)
  test(`${what} is worth ${expected.length === 0 ? 'no Event' : expected.join(', ')}`, () => {
    const events = statusEvents({ before, after });
    assert.deepEqual(
      events.map(({ content: { type, reason } }) => `${type} ${reason}`),
      expected,
    );
  });

test('an Event says what the condition says', () => {
  const [event] = statusEvents({ before: ready, after: notOurs });
  assert.equal(event?.content.note, 'Service a');
});

test('a change names the conditions whose status or reason is another one', () => {
  const changed = (before: NetExporterStatus | undefined, after: NetExporterStatus) =>
    conditionChanges({ before, after }).map(({ after: { type, status } }) => `${type} ${status}`);
  assert.deepEqual(changed(ready, ready), []);
  assert.deepEqual(changed(waiting, propagated), ['ConfigPropagated True']);
  assert.deepEqual(changed(ready, notOurs), ['Ready False', 'Reconciling False', 'Stalled True']);
  assert.deepEqual(changed(undefined, ready), [
    ...['Ready True', 'Reconciling False', 'Stalled False'],
    ...['ConfigPropagated Unknown', 'DNSHealthy Unknown', 'NetworkHealthy Unknown'],
  ]);
});

const at = (seconds: number) => seconds * 1000;
const idOf = (before: NetExporterStatus | undefined, after: NetExporterStatus) =>
  statusEvents({ before, after }).map(({ occurrence }) => occurrence?.id);

for (const [what, findings] of [
  ['agents that are no longer ready', { daemonSet: { ...daemonSet, ready: 0 } }],
  ['an object of someone else', { obstacles: [{ reason: 'ObjectNotOurs', message: 'Service a' }] }],
  ['agents that cannot reach the operator', { propagation: { obstacle: 'no Service' } }],
] as const satisfies [string, Partial<Findings>][])
  test(`a new leader repeats the Event of ${what}, under the same name, for five minutes`, () => {
    const before = statusOf({ ...healthy, propagation: spread }, undefined, at(0));
    const after = statusOf({ ...healthy, propagation: spread, ...findings }, before, at(600));
    const [told] = statusEvents({ before, after });
    assert.equal(told?.occurrence?.mayExist, false);
    const [repeated, ...others] = repeatedEvents(after, at(600 + 299));
    assert.deepEqual(repeated, { content: told.content, occurrence: { ...told.occurrence, mayExist: true } });
    assert.deepEqual(others, []);
    assert.deepEqual(repeatedEvents(after, at(600 + 300)), []);
  });

test('a new leader repeats the Event of an agent that stayed behind after an edit', () => {
  const before = statusOf({ ...healthy, propagation: spread }, undefined, at(0));
  const edited = statusOf({ ...healthy, propagation: lacking }, before, at(100));
  const late = statusOf({ ...healthy, propagation: { ...lacking, overdue: ['n1'] } }, edited, at(145));
  assert.deepEqual(repeatedEvents(edited, at(150)), []);
  assert.deepEqual(
    repeatedEvents(late, at(150)).map(({ occurrence }) => occurrence?.id),
    idOf(edited, late),
  );
});

test('a new leader repeats no Event of a good state, of a rollout or of a NetExporter that is new', () => {
  const good = statusOf({ ...healthy, propagation: spread }, undefined, at(0));
  const rollout = statusOf({ ...healthy, daemonSet: { ...daemonSet, updated: 0 } }, good, at(100));
  const unready = { ...healthy, daemonSet: { ...daemonSet, ready: 0 } };
  for (const status of [good, rollout, statusOf(unready, undefined, at(100)), undefined])
    assert.deepEqual(repeatedEvents(status, at(101)), []);
});

test('what follows a rollout is no transition of its own to a new leader', () => {
  const good = statusOf(healthy, undefined, at(0));
  const rollout = statusOf({ ...healthy, daemonSet: { ...daemonSet, updated: 0 } }, good, at(100));
  const unready = statusOf({ ...healthy, daemonSet: { ...daemonSet, ready: 0 } }, rollout, at(110));
  assert.deepEqual(
    repeatedEvents(unready, at(120)).map(({ occurrence }) => occurrence?.id),
    idOf(good, rollout),
    'the Event of the rollout has that name',
  );
});
