import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decideAssignment,
  decideSettings,
  type Holding,
  revertAfterMs,
} from '../../../../src/agent/sources/source-decision.ts';
import type { Assignment } from '../../../../src/protocol/assignment.ts';
import type { Settings } from '../../../../src/protocol/settings.ts';
import { assignmentWith } from '../assignment-builder.ts';
import { settingsWith } from '../settings-builder.ts';

const settings = (uid: string, generation: number, services = ['10.96.0.20:8000']) =>
  settingsWith({ resource: { uid, generation }, network: { services } });
const held = (changes: Partial<Holding<Settings>> = {}): Holding<Settings> => ({
  value: settings('a', 5),
  source: 'file',
  takenAt: 0,
  ...changes,
});
const soon = { at: revertAfterMs - 1 };
const late = { at: revertAfterMs };

test('settings: the first are taken, whatever they are', () => {
  for (const source of ['sync', 'file'] as const)
    assert.equal(decideSettings(undefined, { value: settings('a', 1), source, at: 0 }), 'take');
});

test('settings: within a uid the higher generation wins, whatever its source and whoever speaks for the other', () => {
  for (const source of ['sync', 'file'] as const)
    for (const holding of [held(), held({ source: 'copy' }), held({ source: 'sync', confirmedAt: 0 })])
      assert.equal(decideSettings(holding, { value: settings('a', 6), source, ...soon }), 'take');
});

test('settings: the file never takes back, however long the operator is silent', () => {
  for (const at of [0, revertAfterMs, 1000 * revertAfterMs])
    for (const holding of [held(), held({ source: 'copy' }), held({ source: 'sync', confirmedAt: 0 })])
      assert.equal(decideSettings(holding, { value: settings('a', 4), source: 'file', at }), 'older');
});

test('settings: the operator takes back once it has not spoken for the newer ones for two holds', () => {
  const older = { value: settings('a', 4), source: 'sync' } as const;
  assert.equal(decideSettings(held(), { ...older, ...soon }), 'older');
  assert.equal(decideSettings(held(), { ...older, ...late }), 'take');
  const confirmed = held({ confirmedAt: 1000 });
  assert.equal(decideSettings(confirmed, { ...older, ...late }), 'older');
  assert.equal(decideSettings(confirmed, { ...older, at: revertAfterMs + 1000 }), 'take');
});

test('settings: the same again changes nothing', () => {
  for (const source of ['sync', 'file'] as const)
    assert.equal(decideSettings(held(), { value: settings('a', 5), source, ...late }), 'same');
});

test('settings: of one generation written differently the operator’s words count, and the file’s while it is silent', () => {
  const rewritten = settings('a', 5, ['10.96.0.99:8000']);
  const fromOperator = held({ source: 'sync', confirmedAt: 0 });
  assert.equal(decideSettings(held(), { value: rewritten, source: 'sync', ...soon }), 'take');
  assert.equal(decideSettings(fromOperator, { value: rewritten, source: 'sync', ...soon }), 'take');
  assert.equal(decideSettings(held(), { value: rewritten, source: 'file', ...soon }), 'take');
  assert.equal(decideSettings(fromOperator, { value: rewritten, source: 'file', ...soon }), 'older');
  assert.equal(decideSettings(fromOperator, { value: rewritten, source: 'file', ...late }), 'take');
});

test('settings: another uid is taken from any source at once, whatever its generation', () => {
  for (const source of ['sync', 'file'] as const)
    assert.equal(
      decideSettings(held({ source: 'sync', confirmedAt: 0 }), { value: settings('b', 1), source, at: 0 }),
      'take',
    );
});

test('settings: a NetExporter that was given up comes back by the operator after its silence about the other, by the file only without the operator', () => {
  const former = { value: settings('b', 9), former: true };
  const confirmed = held({ source: 'sync', confirmedAt: 0 });
  assert.equal(decideSettings(confirmed, { ...former, source: 'sync', ...soon }), 'older');
  assert.equal(decideSettings(confirmed, { ...former, source: 'sync', ...late }), 'take');
  assert.equal(decideSettings(confirmed, { ...former, source: 'file', ...soon }), 'older');
  assert.equal(decideSettings(confirmed, { ...former, source: 'file', ...late }), 'take');
  assert.equal(decideSettings(held(), { ...former, source: 'file', at: 0 }), 'take', 'without sync at all');
});

test('settings: a NetExporter that the own copy had given up comes back only after the silence about its settings, by the file too', () => {
  const former = { value: settings('b', 9), former: true };
  for (const source of ['sync', 'file'] as const) {
    const copy = held({ source: 'copy', takenAt: 1000 });
    assert.equal(decideSettings(copy, { ...former, source, at: 1000 }), 'older');
    assert.equal(decideSettings(copy, { ...former, source, ...late }), 'older');
    assert.equal(decideSettings(copy, { ...former, source, at: revertAfterMs + 1000 }), 'take');
    assert.equal(
      decideSettings({ ...copy, confirmedAt: 2000 }, { ...former, source, at: revertAfterMs + 1000 }),
      'older',
    );
    assert.equal(decideSettings(copy, { ...former, former: false, source, at: 1000 }), 'take', 'never held');
  }
});

const assigned = (changes: Partial<Holding<Assignment>> = {}): Holding<Assignment> => ({
  value: assignmentWith({ epoch: 3, revision: 7 }),
  source: 'sync',
  takenAt: 0,
  confirmedAt: 0,
  ...changes,
});
const offer = (changes: Partial<Assignment>, at: number) => ({
  value: assignmentWith(changes),
  source: 'sync' as const,
  at,
});

test('assignment: the first is taken, and so is another NetExporter’s', () => {
  assert.equal(decideAssignment(undefined, offer({ epoch: 0 }, 0)), 'take');
  assert.equal(decideAssignment(assigned(), offer({ uid: 'uid-2', epoch: 0 }, 0)), 'take');
});

test('assignment: the higher revision wins, and the next leader’s whatever its revision', () => {
  assert.equal(decideAssignment(assigned(), offer({ epoch: 3, revision: 8 }, 0)), 'take');
  assert.equal(decideAssignment(assigned(), offer({ epoch: 4, revision: 1 }, 0)), 'take');
});

test('assignment: an older one, of this leader or of one before, is taken only after two holds', () => {
  for (const older of [
    { epoch: 3, revision: 6 },
    { epoch: 2, revision: 900 },
  ]) {
    assert.equal(decideAssignment(assigned(), offer(older, soon.at)), 'older');
    assert.equal(decideAssignment(assigned(), offer(older, late.at)), 'take');
    assert.equal(decideAssignment(assigned({ confirmedAt: 1000 }), offer(older, late.at)), 'older');
    const copied = { ...assigned({ source: 'copy' }), takenAt: 1000 };
    delete copied.confirmedAt;
    assert.equal(decideAssignment(copied, offer(older, late.at)), 'older', 'from when it was taken, too');
  }
});

test('assignment: the same again changes nothing; what the operator says otherwise under one version is taken', () => {
  assert.equal(decideAssignment(assigned(), offer({ epoch: 3, revision: 7 }, late.at)), 'same');
  assert.equal(decideAssignment(assigned(), offer({ epoch: 3, revision: 7, peers: [] }, 0)), 'take');
});
