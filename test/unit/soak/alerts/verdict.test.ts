import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertFaults } from '../../../../soak/alerts/alerting-faults.ts';
import { type DoneFault, type Seen, verdict } from '../../../../soak/alerts/verdict.ts';
import type { AlertTime } from '../../../alerts/alert-history.ts';

const fault: DoneFault = {
  ...{ name: 'node_deaf', key: 'Node a', from: 1000, until: 1120, firesWithin: 180 },
  ...{ must: ['NetExporterSuspectNode'], may: [] },
};
const fired: AlertTime = {
  ...{ alert: 'NetExporterSuspectNode', state: 'firing', labels: { kind: 'Node', name: 'a' } },
  ...{ from: 1095, until: 1480 },
};
const seen: Seen = { faults: [fault], kinds: 17, times: [fired] };

const missed = (over: Partial<Seen>) =>
  verdict({ ...seen, ...over }).figures.flatMap(({ name, ok }) => (ok === false ? [name] : []));

test('every kind has a name of its own, and each alert is named once', () => {
  const names = alertFaults.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, must, may } of alertFaults)
    assert.equal(new Set([...must, ...may]).size, must.length + may.length, name);
});

test('a run in which the alerts were right', () => {
  const { figures, failures } = verdict(seen);
  assert.deepEqual([missed({}), failures], [[], []]);
  const value = (name: string) => figures.find((figure) => figure.name === name)?.value;
  const names = ['fired_seconds_max_node_deaf_SuspectNode', 'resolved_seconds_max_node_deaf_SuspectNode', 'kinds_run'];
  assert.deepEqual(names.map(value), [95, 360, 1]);
});

test('an alert that is late, or absent, or that stays misses the goals of its fault', () => {
  const [firedMax, resolvedMax] = ['fired', 'resolved'].map((what) => `${what}_seconds_max_node_deaf_SuspectNode`);
  assert.deepEqual(missed({ faults: [{ ...fault, firesWithin: 90 }] }), [firedMax]);
  assert.deepEqual(missed({ times: [{ ...fired, until: 1600 }] }), [resolvedMax]);
  assert.deepEqual(missed({ times: [] }), [firedMax, resolvedMax]);
  assert.deepEqual(verdict({ ...seen, times: [] }).failures, ['node_deaf: NetExporterSuspectNode did not fire']);
});

test('an alert that no fault explains is a figure that is missed, and a sentence', () => {
  const wrong: AlertTime = { ...fired, alert: 'NetExporterNotJudging', labels: {}, from: 1100, until: 1130 };
  const before: AlertTime = { ...wrong, from: 900, until: 930 };
  assert.deepEqual(missed({ times: [fired, wrong, before] }), ['unexpected_alerts']);
  assert.deepEqual(verdict({ ...seen, times: [before, fired, wrong] }).failures, [
    'the start: NetExporterNotJudging fired for 30 s',
    'node_deaf: NetExporterNotJudging fired for 30 s',
  ]);
});

test('without a fault, nothing was shown', () => {
  assert.deepEqual(missed({ faults: [], times: [] }), ['faults']);
});
