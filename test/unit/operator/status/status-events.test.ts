import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetExporterStatus } from '../../../../src/crd/net-exporter.ts';
import { type Findings, statusOf } from '../../../../src/operator/status/status.ts';
import { statusEvents } from '../../../../src/operator/status/status-events.ts';

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
  refusal: undefined,
  isOverdue: false,
  propagation: undefined,
  exceeded: [],
};
const of = (findings: Partial<Findings>): NetExporterStatus => statusOf({ ...healthy, ...findings }, undefined, 0);
const ready = of({});
const pending = of({ daemonSet: { ...daemonSet, ready: 0 } });
const notOurs = of({ obstacles: [{ reason: 'ObjectNotOurs', message: 'Service a' }] });
const refused = of({ obstacles: [{ reason: 'ApplyRejected', message: 'Service a' }] });

for (const [what, before, after, expected] of [
  ['having become ready', pending, ready, ['Normal AgentsReady']],
  ['being ready from the beginning', undefined, ready, ['Normal AgentsReady']],
  ['staying ready', ready, ready, []],
  ['a rollout', ready, pending, []],
  ['being stalled', ready, notOurs, ['Warning ObjectNotOurs']],
  ['staying stalled', notOurs, notOurs, []],
  ['being stalled for another reason', notOurs, refused, ['Warning ApplyRejected']],
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
