import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plannedEvents } from '../../../../soak/judge/planned-events.ts';
import { type DoneFault, type Seen, verdict } from '../../../../soak/judge/verdict.ts';
import { judgedFaults } from '../../../judge/faults.ts';
import type { StatusSuspect } from '../../../judge/outcomes.ts';

const suspect: StatusSuspect = {
  kind: 'Node',
  name: 'a',
  reason: 'Inbound',
  evidence: 'Node a cannot be reached.',
  since: 'then',
};
const fault: DoneFault = {
  ...{ name: 'node_deaf', key: 'Node a', from: 0, until: 50_000, found: 30, cleared: 60, suspect },
  ...{ verdictSeconds: 45, reasons: ['Inbound'] },
};
const seen: Seen = {
  faults: [fault],
  planned: ['drain'],
  kinds: 20,
  wrong: [],
  unready: [],
  disagreements: [],
};

const missed = (over: Partial<Seen>) =>
  verdict({ ...seen, ...over }).figures.flatMap(({ name, ok }) => (ok === false ? [name] : []));

test('every kind has a name of its own', () => {
  const names = [...judgedFaults, ...plannedEvents].map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});

test('a run in which the judge was right', () => {
  assert.deepEqual(missed({}), []);
  const { figures, failures } = verdict(seen);
  assert.deepEqual(failures, []);
  const value = (name: string) => figures.find((figure) => figure.name === name)?.value;
  const names = ['verdict_seconds_max_node_deaf', 'cleared_seconds_max_node_deaf', 'precision', 'recall', 'kinds_run'];
  assert.deepEqual(names.map(value), [30, 60, 1, 1, 2]);
});

test('each thing that must not be is a figure that is missed, and a sentence', () => {
  const cases: [Partial<Seen>, string[], RegExp][] = [
    [
      { wrong: [{ at: 1, key: 'Node a', what: 'raised', suspect, during: '3 (drain)' }] },
      ['precision', 'wrong_suspects'],
      /3 \(drain\): Node a raised: Node a cannot be reached\./,
    ],
    [{ faults: [fault, { ...fault, reasons: ['Loss'] }] }, ['other_reasons'], /is Inbound instead of Loss/],
    [{ unready: ['not ready'] }, ['times_not_ready'], /not ready/],
    [{ disagreements: ['no Event'] }, ['disagreements'], /no Event/],
  ];
  for (const [over, names, sentence] of cases) {
    assert.deepEqual(missed(over), names);
    assert.match(verdict({ ...seen, ...over }).failures.join(), sentence);
  }
});

test('a suspect that was not found, or late, or that stayed misses the goals of its kind', () => {
  const unfound = { ...fault, found: undefined, cleared: undefined, suspect: undefined };
  assert.deepEqual(missed({ faults: [fault, unfound] }), [
    ...['verdict_seconds_max_node_deaf', 'cleared_seconds_max_node_deaf', 'recall'],
  ]);
  assert.deepEqual(missed({ faults: [{ ...fault, found: 45.1 }] }), ['verdict_seconds_max_node_deaf']);
  assert.deepEqual(missed({ faults: [{ ...fault, cleared: undefined }] }), ['cleared_seconds_max_node_deaf']);
});
