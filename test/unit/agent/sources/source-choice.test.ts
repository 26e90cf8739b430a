import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SourceChoice } from '../../../../src/agent/sources/source-choice.ts';
import { revertAfterMs } from '../../../../src/agent/sources/source-decision.ts';
import { settingsDigest } from '../../../../src/protocol/sync.ts';
import { FakeClock } from '../../fake-clock.ts';
import { assignmentWith } from '../assignment-builder.ts';
import { settingsWith } from '../settings-builder.ts';

const settings = (uid: string, generation: number) => settingsWith({ resource: { uid, generation } });
const assignment = (uid: string, epoch: number, revision: number) => assignmentWith({ uid, epoch, revision });

/** Where `before` is the process that ended, with its own copy. */
function setUp(before?: SourceChoice) {
  const clock = new FakeClock({ monotonic: 1000 });
  const choice = new SourceChoice(clock);
  if (before) choice.restore(before.settings?.value, before.assignment?.value, before.former);
  const state = () => [
    choice.settings && `${choice.settings.value.resource.uid} ${choice.settings.value.resource.generation}`,
    choice.assignment &&
      `${choice.assignment.value.uid} ${choice.assignment.value.epoch}.${choice.assignment.value.revision}`,
  ];
  return { clock, choice, state };
}

test('the operator is told of what is held by uid and version, and of settings by their digest', () => {
  const { choice } = setUp();
  assert.deepEqual(choice.held, {});
  choice.offerSettings(settings('a', 3), 'file');
  const name = { uid: 'a', generation: 3, digest: settingsDigest(settings('a', 3)) };
  assert.deepEqual(choice.held, { settings: name });
  choice.offerAssignment(assignment('a', 2, 9));
  assert.deepEqual(choice.held, { settings: name, assignment: { uid: 'a', epoch: 2, revision: 9 } });
  choice.dropAssignment();
  assert.deepEqual(choice.held, { settings: name });
});

test('the operator is told the digest that it gave, of settings that are new and of those that say nothing new', async () => {
  const { choice, clock } = setUp();
  const digest = () => choice.held.settings?.digest;
  const own = settingsDigest(settings('a', 3));
  choice.restore(settings('a', 3), undefined);
  assert.equal(digest(), own);
  assert.equal(choice.offerSettings(settings('a', 3), 'sync', 'theirs'), 'same');
  assert.equal(digest(), 'theirs');
  assert.equal(choice.offerSettings(settings('a', 3), 'file'), 'same');
  assert.equal(digest(), 'theirs', 'the file has no word for them');
  assert.equal(choice.offerSettings(settings('a', 2), 'sync', 'older'), 'older');
  assert.equal(digest(), 'theirs', 'what is not taken is not held');
  assert.equal(choice.offerSettings(settings('a', 4), 'sync', 'newer'), 'take');
  assert.equal(digest(), 'newer');
  assert.equal(choice.offerSettings(settings('a', 5), 'file'), 'take');
  assert.equal(digest(), settingsDigest(settings('a', 5)));
  assert.equal(choice.offerSettings(settings('a', 5), 'sync'), 'same');
  assert.equal(digest(), settingsDigest(settings('a', 5)), 'an operator that gives none');

  // An answer that brings nothing speaks for them by that name too.
  choice.offerSettings(settings('a', 6), 'sync', 'theirs');
  await clock.advanceAsync(revertAfterMs);
  choice.confirm(choice.held);
  assert.equal(choice.offerSettings(settings('a', 5), 'sync', 'older'), 'older');
});

test('the own copy stands in until anything newer comes', () => {
  const { choice, state } = setUp();
  choice.restore(settings('a', 3), assignment('a', 2, 9));
  assert.deepEqual(state(), ['a 3', 'a 2.9']);
  assert.deepEqual([choice.settings?.source, choice.assignment?.source], ['copy', 'copy']);
  choice.offerSettings(settings('a', 4), 'file');
  assert.deepEqual(state(), ['a 4', 'a 2.9']);
  assert.equal(choice.offerSettings(settings('a', 4), 'sync'), 'same');
  assert.equal(choice.settings?.source, 'file');
});

test('an own copy that is newer than the file is not given up for it', () => {
  const { choice, state } = setUp();
  choice.restore(settings('a', 5), undefined);
  assert.equal(choice.offerSettings(settings('a', 4), 'file'), 'older');
  assert.deepEqual(state(), ['a 5', undefined]);
});

test('of an own copy whose parts are of two NetExporters the assignment is left out', () => {
  const { choice, state } = setUp();
  choice.restore(settings('a', 3), assignment('b', 2, 9));
  assert.deepEqual(state(), ['a 3', undefined]);
});

test('an assignment without settings waits for them, and goes when they are another NetExporter’s', () => {
  for (const [uid, after] of [
    ['a', 'a 2.9'],
    ['b', undefined],
  ] as const) {
    const { choice, state } = setUp();
    choice.restore(undefined, assignment('a', 2, 9));
    choice.offerSettings(settings(uid, 1), 'file');
    assert.deepEqual(state(), [`${uid} 1`, after]);
  }
});

test('CR deleted and made anew: another uid ends both, and its own assignment is taken from revision 1 of any epoch', () => {
  const { choice, state } = setUp();
  choice.offerSettings(settings('a', 7), 'sync');
  choice.offerAssignment(assignment('a', 5, 40));
  assert.equal(choice.offerAssignment(assignment('b', 5, 1)), 'older', 'not before its settings');
  assert.equal(choice.offerSettings(settings('b', 1), 'sync'), 'take');
  assert.deepEqual(state(), ['b 1', undefined]);
  assert.equal(choice.offerAssignment(assignment('a', 5, 41)), 'older');
  assert.equal(choice.offerAssignment(assignment('b', 5, 1)), 'take');
  assert.deepEqual(state(), ['b 1', 'b 5.1']);
});

test('CR deleted and made anew: a late word of the one before changes nothing, from the operator nor from the file', async () => {
  const { choice, state, clock } = setUp();
  choice.offerSettings(settings('a', 7), 'sync');
  choice.offerSettings(settings('b', 1), 'sync');
  choice.offerAssignment(assignment('b', 5, 1));
  for (const source of ['sync', 'file'] as const) assert.equal(choice.offerSettings(settings('a', 8), source), 'older');
  assert.equal(choice.offerAssignment(assignment('a', 5, 41)), 'older');
  assert.deepEqual(state(), ['b 1', 'b 5.1']);
  await clock.advanceAsync(revertAfterMs);
  assert.equal(choice.offerSettings(settings('a', 8), 'sync'), 'take', 'the store was restored: it is the one again');
  assert.deepEqual(state(), ['a 8', undefined]);
});

/** An agent that went over from `a` to `b` with the operator. */
function movedOver() {
  const { choice } = setUp();
  choice.offerSettings(settings('a', 7), 'file');
  choice.offerSettings(settings('a', 7), 'sync');
  choice.offerAssignment(assignment('a', 5, 40));
  choice.offerSettings(settings('b', 1), 'sync');
  choice.offerAssignment(assignment('b', 5, 1));
  return choice;
}

test('CR deleted and made anew, restart: a file that stays behind changes nothing, also at the restart after that', async () => {
  let before = movedOver();
  for (const restart of [1, 2]) {
    const { choice, state, clock } = setUp(before);
    assert.equal(choice.offerSettings(settings('a', 7), 'file'), 'older');
    assert.deepEqual(state(), ['b 1', `b 5.${restart}`]);
    await clock.advanceAsync(100);
    assert.equal(choice.offerSettings(settings('b', 1), 'sync'), 'same');
    assert.equal(choice.offerAssignment(assignment('b', 5, restart + 1)), 'take');
    await clock.advanceAsync(60_000);
    assert.equal(choice.offerSettings(settings('b', 1), 'file'), 'same', 'the file has caught up');
    before = choice;
  }
});

test('CR deleted and made anew, restart: a third one is taken at once, from the operator and from the file', () => {
  for (const source of ['sync', 'file'] as const) {
    const { choice, state } = setUp(movedOver());
    assert.equal(choice.offerSettings(settings('c', 1), source), 'take');
    assert.deepEqual(state(), ['c 1', undefined]);
    assert.deepEqual(choice.former, ['a', 'b']);
  }
});

test('CR deleted and made anew, restart: a leader that does not know yet is not believed, a store that went back is after two holds', async () => {
  const { choice, state, clock } = setUp(movedOver());
  assert.equal(choice.offerSettings(settings('a', 7), 'sync'), 'older');
  await clock.advanceAsync(revertAfterMs - 1);
  assert.equal(choice.offerSettings(settings('a', 7), 'sync'), 'older');
  assert.deepEqual(state(), ['b 1', 'b 5.1']);
  await clock.advanceAsync(1);
  assert.equal(choice.offerSettings(settings('a', 7), 'sync'), 'take');
  assert.deepEqual([state(), choice.former], [['a 7', undefined], ['b']]);
});

test('CR deleted and made anew, ConfigMap before sync: a leader that does not know yet does not take it back, nor after a restart', () => {
  const { choice } = setUp();
  choice.offerSettings(settings('a', 7), 'sync');
  assert.equal(choice.offerSettings(settings('b', 1), 'file'), 'take');
  assert.equal(choice.offerSettings(settings('a', 7), 'sync'), 'older');
  const next = setUp(choice);
  assert.equal(next.choice.offerSettings(settings('b', 1), 'file'), 'same');
  assert.equal(next.choice.offerSettings(settings('a', 7), 'sync'), 'older');
  assert.equal(next.choice.offerSettings(settings('b', 1), 'sync'), 'same');
  assert.deepEqual(next.state(), ['b 1', undefined]);
});

test('an own copy of a NetExporter that is long gone ends with the first word of the one that is', () => {
  for (const source of ['sync', 'file'] as const) {
    const { choice, state } = setUp();
    choice.restore(settings('a', 7), assignment('a', 5, 40));
    assert.equal(choice.offerSettings(settings('b', 1), source), 'take');
    assert.equal(choice.offerSettings(settings('a', 7), 'sync'), 'older');
    assert.deepEqual(state(), ['b 1', undefined]);
  }
});

test('without settings in the own copy whatever comes first is taken, also of a NetExporter that was given up', () => {
  for (const source of ['sync', 'file'] as const) {
    const { choice, state } = setUp();
    choice.restore(undefined, assignment('b', 5, 1), ['a']);
    assert.equal(choice.offerSettings(settings('a', 7), source), 'take');
    assert.deepEqual(state(), ['a 7', undefined]);
    assert.equal(choice.offerSettings(settings('b', 1), 'sync'), 'take');
  }
});

test('of the NetExporters that were given up the last sixteen are remembered', () => {
  const { choice } = setUp();
  const uids = Array.from({ length: 20 }, (_, n) => `uid-${n}`);
  for (const uid of uids) choice.offerSettings(settings(uid, 1), 'sync');
  assert.deepEqual(choice.former, uids.slice(3, 19));
  const next = setUp().choice;
  next.restore(settings('uid-19', 1), undefined, uids);
  assert.deepEqual(next.former, uids.slice(4, 19));
});

test('etcd restored to an older state: what is held goes on for two holds, then both go back', async () => {
  const { choice, state, clock } = setUp();
  choice.offerSettings(settings('a', 8), 'sync');
  choice.offerAssignment(assignment('a', 6, 30));
  await clock.advanceAsync(revertAfterMs - 1);
  assert.equal(choice.offerSettings(settings('a', 5), 'sync'), 'older');
  assert.equal(choice.offerAssignment(assignment('a', 3, 2)), 'older');
  assert.deepEqual(state(), ['a 8', 'a 6.30']);
  await clock.advanceAsync(1);
  assert.equal(choice.offerSettings(settings('a', 5), 'sync'), 'take');
  assert.equal(choice.offerAssignment(assignment('a', 3, 2)), 'take');
  assert.deepEqual(state(), ['a 5', 'a 3.2']);
});

test('leader changed: the next one’s first revision wins; what the one before still says does not', () => {
  const { choice, state } = setUp();
  choice.offerSettings(settings('a', 1), 'file');
  choice.offerAssignment(assignment('a', 4, 200));
  assert.equal(choice.offerAssignment(assignment('a', 5, 1)), 'take');
  assert.equal(choice.offerAssignment(assignment('a', 4, 201)), 'older');
  assert.deepEqual(state(), ['a 1', 'a 5.1']);
});

test('ConfigMap newer than sync: it is taken, and the operator takes it back only after two holds', async () => {
  const { choice, state, clock } = setUp();
  choice.offerSettings(settings('a', 5), 'sync');
  await clock.advanceAsync(revertAfterMs);
  assert.equal(choice.offerSettings(settings('a', 6), 'file'), 'take');
  assert.equal(choice.offerSettings(settings('a', 5), 'sync'), 'older');
  await clock.advanceAsync(revertAfterMs);
  assert.equal(choice.offerSettings(settings('a', 5), 'sync'), 'take');
  assert.deepEqual(state(), ['a 5', undefined]);
});

test('sync newer than the ConfigMap: the file has no say, however long it stays behind', async () => {
  const { choice, state, clock } = setUp();
  choice.offerSettings(settings('a', 6), 'sync');
  for (let times = 0; times < 5; times++) {
    assert.equal(choice.offerSettings(settings('a', 5), 'file'), 'older');
    await clock.advanceAsync(revertAfterMs);
  }
  assert.deepEqual(state(), ['a 6', undefined]);
});

test('an answer that brings nothing speaks for what the operator was told, not for what was taken since', async () => {
  const { choice, clock } = setUp();
  choice.offerSettings(settings('a', 5), 'file');
  choice.offerAssignment(assignment('a', 2, 9));
  const told = choice.held;
  await clock.advanceAsync(revertAfterMs);
  choice.confirm(told);
  assert.equal(choice.offerSettings(settings('a', 4), 'sync'), 'older');
  assert.equal(choice.offerAssignment(assignment('a', 2, 8)), 'older');
  choice.offerSettings(settings('a', 6), 'file');
  choice.offerAssignment(assignment('a', 2, 10));
  await clock.advanceAsync(revertAfterMs);
  choice.confirm(told);
  assert.equal(choice.offerSettings(settings('a', 4), 'sync'), 'take');
  assert.equal(choice.offerAssignment(assignment('a', 2, 8)), 'take');
});

test('the same again, word for word, speaks for what is held as well', async () => {
  const { choice, clock } = setUp();
  choice.offerSettings(settings('a', 5), 'sync');
  choice.offerAssignment(assignment('a', 2, 9));
  await clock.advanceAsync(revertAfterMs - 1);
  assert.equal(choice.offerSettings(settings('a', 5), 'sync'), 'same');
  assert.equal(choice.offerAssignment(assignment('a', 2, 9)), 'same');
  await clock.advanceAsync(1);
  assert.equal(choice.offerSettings(settings('a', 4), 'sync'), 'older');
  assert.equal(choice.offerAssignment(assignment('a', 2, 8)), 'older');
});
