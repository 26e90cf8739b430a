import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../../cluster/wait.ts';

/** The share of the time that the tries took until there were so many of them. */
async function shareOfTries(tryMs: number, tries: number): Promise<number> {
  let count = 0;
  let busy = 0;
  const began = performance.now();
  const isDone = async () => {
    const from = performance.now();
    if (tryMs > 0) await sleep(tryMs);
    busy += performance.now() - from;
    return ++count === tries;
  };
  await waitFor('the last try', isDone, { timeout: 60_000, interval: 1 });
  return busy / (performance.now() - began);
}

test('tries that take long are far apart', async () => {
  assert.ok((await shareOfTries(50, 6)) < 0.5);
});

test('a result, a failure and what came last are told apart', async () => {
  assert.equal(await waitFor('a result', () => 7, { timeout: 1000 }), 7);
  const broken = async () => Promise.reject(new Error('no answer'));
  await assert.rejects(waitFor('an answer', broken, { timeout: 20, interval: 1 }), {
    code: 'CLUSTER_TIMEOUT',
    message: 'an answer did not come true within 0.02 s: no answer',
  });
});
