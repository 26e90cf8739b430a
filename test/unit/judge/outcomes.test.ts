import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SuspectKind } from '../../../src/contract/suspects.ts';
import { type FaultTime, outcomesOf, type Snapshot, untrueTimes } from '../../judge/outcomes.ts';

/** The status at so many seconds, with suspects such as `Node a`. */
function snapshot(seconds: number, names: readonly string[], ready = 'True'): Snapshot {
  const suspects = names.map((text) => {
    const [kind, name] = text.split(' ') as [SuspectKind, string];
    return { kind, name, reason: 'Unreachable' as const, evidence: `${text} at ${seconds}.`, since: 'then' };
  });
  const conditions = { Ready: { status: ready, reason: 'R', message: 'm' } };
  return { at: seconds * 1000, wall: seconds * 1000, suspects, conditions };
}

const fault = (key: string, from: number, until: number): FaultTime => ({
  ...{ name: 'fault', key },
  ...{ from: from * 1000, until: until * 1000 },
});

test('a suspect that comes while its fault lasts and goes after it is right', () => {
  const snapshots = [snapshot(0, []), snapshot(35, ['Node a']), snapshot(40, ['Node a']), snapshot(110, [])];
  const { outcomes, wrong } = outcomesOf(snapshots, [fault('Node a', 10, 50)]);
  assert.deepEqual(wrong, []);
  assert.equal(outcomes[0]!.found, 25);
  assert.equal(outcomes[0]!.cleared, 60);
  assert.equal(outcomes[0]!.suspect!.evidence, 'Node a at 40.');
});

test('the name of a link that is found one way is the same link', () => {
  const snapshots = [snapshot(0, []), snapshot(35, ['Link b>a']), snapshot(90, ['Link a<>b'])];
  const { outcomes, wrong } = outcomesOf(snapshots, [fault('Link a b', 10, 50)]);
  assert.deepEqual(wrong, []);
  assert.equal(outcomes[0]!.found, 25);
  assert.equal(outcomes[0]!.cleared, undefined);
});

test('suspects that no fault makes, that come late or again, or go too early are wrong', () => {
  const cases: [Snapshot[], string[]][] = [
    [[snapshot(20, ['Node b'])], ['raised Node b']],
    [[snapshot(5, ['Node a'])], ['raised Node a']],
    [[snapshot(55, ['Node a'])], ['raised Node a']],
    [[snapshot(20, ['Node a']), snapshot(30, [])], ['cleared too early Node a']],
    [
      [snapshot(20, ['Node a']), snapshot(30, []), snapshot(40, ['Node a'])],
      ['cleared too early Node a', 'raised again Node a'],
    ],
    [[snapshot(20, ['Node a']), snapshot(60, []), snapshot(70, ['Node a'])], ['raised again Node a']],
  ];
  for (const [snapshots, expected] of cases) {
    const { wrong } = outcomesOf([snapshot(0, []), ...snapshots], [fault('Node a', 10, 50)]);
    assert.deepEqual(
      wrong.map(({ what, key }) => `${what} ${key}`),
      expected,
    );
  }
});

test('faults of the same place one after the other have each their own suspect', () => {
  const snapshots = [snapshot(0, []), snapshot(20, ['Node a']), snapshot(60, []), snapshot(80, ['Node a'])];
  const { outcomes, wrong } = outcomesOf(snapshots, [fault('Node a', 10, 30), fault('Node a', 70, 90)]);
  assert.deepEqual(wrong, []);
  assert.deepEqual(
    outcomes.map(({ found, cleared }) => [found, cleared]),
    [
      [10, 30],
      [10, undefined],
    ],
  );
});

test('the times at which a condition was not True', () => {
  assert.deepEqual(untrueTimes([snapshot(1, []), snapshot(2, [], 'False'), snapshot(3, [])], 'Ready'), [2000]);
  assert.deepEqual(untrueTimes([snapshot(1, [])], 'NetworkHealthy'), [1000]);
});
