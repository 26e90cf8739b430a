import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOver } from '../../../../src/operator/judge/change-point.ts';
import { Observations } from '../../../../src/operator/judge/observations.ts';
import { Scene, streamKinds } from '../../../../src/operator/judge/scene.ts';
import { Tallies } from '../../../../src/operator/judge/tally.ts';
import type { Link } from '../../../../src/operator/reports/link-table.ts';
import { sketchIndex } from '../../../../src/protocol/latency-sketch.ts';
import { judgeOptions } from './judged-fleet.ts';

const link: Link = {
  ...{ probe: 'network', host: '10.0.0.2:8000', server: '', protocol: 'TCP' },
  ...{ type: '', node: 'node-2', zone: 'zone-b' },
};

/** Whether a link is well again, by its attempts every 9 s until 115 s, of which these last ones were good. */
function isLinkOver(good: number, kind: 'Link' | 'Node' = 'Link'): boolean {
  const observations = new Observations(judgeOptions, 0);
  const count = 13;
  for (let number = 0; number < count; number++) {
    const isGood = number >= count - good;
    const outcomes = {
      attempts: 1,
      failures: isGood ? {} : { timeout: 1 },
      retransmits: isGood ? 0 : 4,
      latencies: isGood ? [[sketchIndex(1e-4), 1] as [number, number]] : [],
    };
    const report = { agent: 'pod-1', zone: 'zone-a', spanMs: 9000, results: [[link, outcomes] as const] };
    observations.take(report, number * 9000);
  }
  observations.advance(119_000);
  const scene = new Scene(1);
  scene.size = 1;
  scene.kind[0] = streamKinds.peer;
  const scope = { positions: Int32Array.of(0), shares: Float64Array.of(1) };
  const tallies = new Tallies(scene, observations, judgeOptions, 'bad');
  return isOver({ subject: { kind, a: 0, b: 1 }, scope }, tallies);
}

test('a link is well again after its first good attempts, however many they are', () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map((good) => isLinkOver(good)),
    [false, true, true, true, true, true, true, true, true],
  );
});

test('a node has to be well for the time of two reports', () => {
  assert.deepEqual(
    [0, 1, 2, 3].map((good) => isLinkOver(good, 'Node')),
    [false, false, true, true],
  );
});
