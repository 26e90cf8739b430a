import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sections } from '../../../bench/judge.ts';

test('the judge finds each kind of fault in 30 simulated nodes, and nothing else', async ({ signal }) => {
  const { figures } = await sections['faults-30']!({ quick: true, signal, log: () => {} });
  // Shares and counts: CPU time depends on the machine.
  const judged = figures.filter(({ unit, goal }) => unit === '' && goal !== null);
  assert.ok(judged.length > 40, `${judged.length} figures`);
  const missed = judged.filter(({ ok }) => !ok).map(({ name, value, goal }) => `${name} is ${value}, not ${goal}`);
  assert.deepEqual(missed, []);
});
