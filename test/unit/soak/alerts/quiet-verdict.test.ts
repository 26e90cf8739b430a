import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quietEvents } from '../../../../soak/alerts/quiet-events.ts';
import { type QuietSeen, quietVerdict } from '../../../../soak/alerts/quiet-verdict.ts';
import type { AlertTime } from '../../../alerts/alert-history.ts';

const seen: QuietSeen = { events: ['drain', 'drain'], kinds: 10, times: [], recorded: 100 };
const time: AlertTime = {
  ...{ alert: 'NetExporterAgentsMissing', state: 'pending', labels: {} },
  ...{ from: 3600, until: 3660 },
};

const missed = (over: Partial<QuietSeen>) =>
  quietVerdict({ ...seen, ...over }).figures.flatMap(({ name, ok }) => (ok === false ? [name] : []));

test('every kind has a name of its own', () => {
  const names = quietEvents.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});

test('alerts about agents and operators that are replaced may be pending', () => {
  const times = (['NetExporterAgentsMissing', 'NetExporterNotJudging', 'NetExporterOperatorDown'] as const).map(
    (alert) => ({ ...time, alert }),
  );
  assert.deepEqual(missed({ times }), []);
  assert.deepEqual(quietVerdict({ ...seen, times }).failures, []);
});

test('no alert may fire, and no other may be pending', () => {
  const firing: AlertTime = { ...time, state: 'firing' };
  const pending: AlertTime = { ...time, alert: 'NetExporterSuspectNode', labels: { kind: 'Node', name: 'a' } };
  assert.deepEqual(missed({ times: [firing] }), ['firing_alerts']);
  assert.deepEqual(missed({ times: [pending] }), ['pending_alerts']);
  assert.deepEqual(quietVerdict({ ...seen, times: [pending, firing] }).failures, [
    'NetExporterAgentsMissing was firing at 01:00:00 for 60 s',
    'NetExporterSuspectNode (Node a) was pending at 01:00:00 for 60 s',
  ]);
});

test('without an event, or without a series that a rule has recorded, nothing was shown', () => {
  assert.deepEqual(missed({ events: [] }), ['planned_events']);
  assert.deepEqual(missed({ recorded: 0 }), ['recorded_series']);
});
