import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Flood } from '../../../bench/flood-process.ts';
import { HostileTally } from '../../../soak/hostile-tally.ts';

const target = { host: '10.0.0.1', port: 8000 };
const connections = (name: string): Flood => ({
  ...{ kind: 'connections', name, ...target, connections: 1, againMs: 1, text: '' },
});
const echo: Flood = { kind: 'echo', ...target, perSecond: 1 };
const reports: Flood = { kind: 'reports', access: { address: '', serverName: '', ca: '' }, token: '', pauseMs: 0 };

const verdicts = (tally: HostileTally) => Object.fromEntries(tally.figures().map(({ name, ok }) => [name, ok]));

test('what was never drawn has no goal', () => {
  const tally = new HostileTally();
  tally.expect([echo]);
  assert.deepEqual(verdicts(tally), {
    hostile_connections_fewest: null,
    hostile_echoes_refused: false,
    hostile_reports_accepted: null,
  });
});

test('every flood that was drawn has to come to something over a whole run', () => {
  const tally = new HostileTally();
  tally.expect([echo, reports, connections('agents, idle'), connections('agents, silent')]);
  tally.add({ connections: { 'agents, idle': 5 }, packets: 1000, answers: { 429: 8, ECONNREFUSED: 1 } });
  assert.deepEqual(Object.values(verdicts(tally)), [false, false, false]);
  tally.add({ connections: { 'agents, silent': 1 }, packets: 0, answers: { 200: 1, 429: 1 } });
  tally.echoesRefused += 3;
  assert.deepEqual(Object.values(verdicts(tally)), [true, true, true]);
  assert.deepEqual(tally.answers, { 200: 1, 429: 9, ECONNREFUSED: 1 });
  assert.equal(tally.packets, 1000);
});

test('a flood of operators that were away is not expected to reach any', () => {
  const tally = new HostileTally();
  tally.add({ connections: { 'sync, idle': 0 }, packets: 0, answers: { ETIMEDOUT: 3 } });
  assert.deepEqual(Object.values(verdicts(tally)), [null, null, null]);
});
