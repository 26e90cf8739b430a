import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeSettings } from '../../../src/agent/settings-version.ts';
import { settingsWith } from './settings-builder.ts';

const held = settingsWith({ resource: { uid: 'a', generation: 5 } });

test('the first settings are taken', () => {
  assert.equal(judgeSettings(undefined, held), 'take');
});

test('within a uid the higher generation wins', () => {
  assert.equal(judgeSettings(held, settingsWith({ resource: { uid: 'a', generation: 6 } })), 'take');
  assert.equal(judgeSettings(held, settingsWith({ resource: { uid: 'a', generation: 4 } })), 'older');
});

test('another uid resets, whatever its generation', () => {
  assert.equal(judgeSettings(held, settingsWith({ resource: { uid: 'b', generation: 1 } })), 'take');
});

test('the same again changes nothing, other content of the same generation is taken', () => {
  assert.equal(judgeSettings(held, structuredClone(held)), 'same');
  const moved = { ...held, network: { ...held.network, services: ['10.96.0.99:8000'] } };
  assert.equal(judgeSettings(held, moved), 'take');
});
