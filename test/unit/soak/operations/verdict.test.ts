import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Seen, verdict } from '../../../../soak/operations/verdict.ts';

const seen: Seen = {
  operations: [{ kind: 'drain', seconds: 12, restedAfter: 3 }],
  kinds: 50,
  judged: { compared: 900, statements: 30, longestSeconds: 1.5, falsehoods: [] },
  transitions: [],
  warnings: [],
  logLines: 10,
  repeats: [],
  described: 1,
};
const falsehood = {
  subject: 'condition Ready',
  said: 'True',
  seconds: 9,
  at: 'now',
  truth: 'x',
  operation: '1 (drain)',
};
const transition = {
  at: 0,
  resource: 'nx',
  condition: 'Ready',
  reason: 'AgentsNotReady',
  message: 'm',
  operation: '1 (drain)',
};

const missed = (over: Partial<Seen>) =>
  verdict({ ...seen, ...over }).figures.flatMap(({ name, ok }) => (ok === false ? [name] : []));

test('a run in which all held', () => {
  assert.deepEqual(missed({}), []);
  assert.deepEqual(verdict(seen).failures, []);
  const value = (name: string) => verdict(seen).figures.find((figure) => figure.name === name)?.value;
  assert.deepEqual(['operations', 'kinds', 'kinds_run', 'rested_max_seconds'].map(value), [1, 50, 1, 3]);
});

test('each thing that must not be is a figure that is missed, and a sentence', () => {
  const cases: [Partial<Seen>, string, RegExp][] = [
    [
      { judged: { ...seen.judged, falsehoods: [falsehood] } },
      'false_statements',
      /^1 \(drain\): condition Ready said "True"/,
    ],
    [
      { transitions: [{ ...transition, reported: 'no' }] },
      'transitions_without_event',
      /no Warning Event of Ready AgentsNotReady/,
    ],
    [{ warnings: ['a Warning'] }, 'warnings_of_planned', /a Warning/],
    [
      { repeats: [{ process: 'operator-1/0', at: 'now', text: '{}', seconds: 4 }] },
      'repeated_log_lines',
      /operator-1\/0 repeated/,
    ],
  ];
  for (const [over, name, sentence] of cases) {
    assert.deepEqual(missed(over), [name]);
    assert.match(verdict({ ...seen, ...over }).failures.join(), sentence);
  }
});

test('a falsehood of over five seconds misses its goal, a run that saw nothing too', () => {
  assert.deepEqual(missed({ judged: { ...seen.judged, longestSeconds: 5.1 } }), ['longest_falsehood_seconds']);
  const nothing = { compared: 0, statements: 0, longestSeconds: 0, falsehoods: [] };
  assert.deepEqual(missed({ operations: [], judged: nothing, logLines: 0 }), [
    ...['operations', 'statements', 'statements_compared', 'log_lines'],
  ]);
});

test('what was added to a series is reported', () => {
  assert.deepEqual(missed({ transitions: [{ ...transition, reported: 'series' }] }), []);
});
