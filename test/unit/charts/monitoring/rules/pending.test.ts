import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unexpectedlyPending } from './promtool.ts';
import { small } from './scenario.ts';
import { scopes } from './scopes.ts';
import { seriesOf, type World } from './world.ts';

/** An edit that has not reached an agent from minute 5 until before another one. */
const edited = (until: number): World => {
  const isBehind = (minute: number) => minute >= 5 && minute < until;
  return {
    ...small,
    minutes: 10,
    states: (minute) => (isBehind(minute) ? { configured: 1 } : {}),
    conditions: (minute) => (isBehind(minute) ? { ConfigPropagated: 'False' } : {}),
  };
};
const none = Object.fromEntries(Array.from({ length: 11 }, (_, minute) => [minute, []]));
const behind = ['NetExporterAgentsNotConfigured'] as const;

test('an edit that reaches all agents within two minutes makes no alert pending', (t) => {
  assert.equal(unexpectedlyPending(t, scopes.every!, seriesOf(edited(7)), none), '');
});

test('an edit that does not reach an agent makes one pending after two minutes', (t) => {
  const expected = { ...none, 7: behind, 8: behind, 9: behind, 10: behind };
  assert.equal(unexpectedlyPending(t, scopes.every!, seriesOf(edited(11)), expected), '');
});
