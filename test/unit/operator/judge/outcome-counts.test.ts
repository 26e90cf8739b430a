import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countsOf } from '../../../../src/operator/judge/outcome-counts.ts';
import type { Outcomes } from '../../../../src/operator/reports/packed-outcomes.ts';
import { sketchIndex } from '../../../../src/protocol/latency-sketch.ts';

const dial = { probe: 'network', protocol: 'TCP' } as const;
const echo = { probe: 'network', protocol: 'UDP' } as const;
const lookup = { probe: 'dns', protocol: 'UDP' } as const;
const slowFrom = sketchIndex(0.01) + 1;
const none = { attempts: 0, failed: 0, answered: 0, refused: 0, retransmitted: 0, slow: 0 };

function outcomes(latencies: [seconds: number, count: number][], failures: Outcomes['failures'] = {}, retransmits = 0) {
  const entries = latencies.map(([seconds, count]): [number, number] => [sketchIndex(seconds), count]);
  const failed = Object.values(failures).reduce((sum, count) => sum + count, 0);
  const attempts = entries.reduce((sum, [, count]) => sum + count, failed);
  return { attempts, failures, retransmits, latencies: entries };
}

test('a success that needed a retransmit is bad and not slow; the retransmits of failures say nothing', () => {
  const all = outcomes(
    [
      [1e-4, 5],
      [0.05, 1],
      [1.0002, 2],
    ],
    { timeout: 1 },
    2 + 4,
  );
  assert.deepEqual(countsOf(dial, all, slowFrom, 3), { ...none, attempts: 9, failed: 1, retransmitted: 2, slow: 1 });
});

test('an exchange that takes a second without a retransmit is slow', () => {
  assert.deepEqual(countsOf(dial, outcomes([[1.5, 1]]), slowFrom, 3), { ...none, attempts: 1, slow: 1 });
});

test('distinguishes what is refused, what is answered with an error and what fails', () => {
  const all = outcomes([], { refused: 1, timeout: 2, nxdomain: 3, servfail: 4, nodata: 5, malformed: 6, reset: 7 });
  assert.deepEqual(countsOf(lookup, all, slowFrom, 3), { ...none, attempts: 28, failed: 9, answered: 18, refused: 1 });
});

test('a turn of echoes is one attempt, bad if most of its packets are lost', () => {
  const turns = (lost: number, well: number) =>
    countsOf(echo, outcomes([[1e-4, well]], lost > 0 ? { lost } : {}), slowFrom, 3);
  assert.deepEqual(turns(1, 2), { ...none, attempts: 1 });
  assert.deepEqual(turns(2, 1), { ...none, attempts: 1, failed: 1 });
  assert.deepEqual(turns(6, 0), { ...none, attempts: 2, failed: 2 });
  const single = countsOf(echo, outcomes([], { lost: 1 }), slowFrom, 1);
  assert.deepEqual(single, { ...none, attempts: 1, failed: 1 });
});
