import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DemoTrial } from '../demo/demo-trial.ts';
import { environment } from './environment.ts';

test('a demo that was killed while Prometheus runs is removed by the next one, and nothing of either is left', async () => {
  // It makes clusters of its own; the turn bounds how many are busy at the same time.
  await environment();
  const output: string[] = [];
  await using trial = new DemoTrial((line) => output.push(line));
  const left = await trial.leftAfterKill({ text: 'starting Prometheus', delay: 2_000, group: false }, 1);
  assert.deepEqual(left, [], output.join('\n'));
});
