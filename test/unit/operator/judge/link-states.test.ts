import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinkState } from '../../../../src/contract/suspects.ts';
import type { FleetAgent } from '../../../../src/operator/agents/net-exporter-fleet.ts';
import { linkStatesOf } from '../../../../src/operator/judge/link-states.ts';
import { Observations } from '../../../../src/operator/judge/observations.ts';
import type { Link } from '../../../../src/operator/reports/link-table.ts';
import type { Outcomes } from '../../../../src/operator/reports/packed-outcomes.ts';
import { sketchIndex } from '../../../../src/protocol/latency-sketch.ts';
import { judgeOptions } from './judged-fleet.ts';

const dial = (node: string, protocol = 'TCP'): Link => ({
  ...{ probe: 'network', host: `${node}:8000`, server: '', protocol, type: '', node, zone: '' },
});
const agent = (uid: string, peers: string[], parts: Partial<FleetAgent> = {}): FleetAgent => ({
  ...{ uid, node: uid, state: 'serving', addresses: [], overdueAt: 1000, peers },
  ...parts,
});
const outcomes = (attempts: number, { failed = 0, seconds = 1e-4 } = {}): Outcomes => ({
  attempts,
  failures: failed > 0 ? { timeout: failed } : {},
  retransmits: 0,
  latencies: attempts > failed ? [[sketchIndex(seconds), attempts - failed]] : [],
});

function statesOf(observations: Observations, agents: FleetAgent[], now = 0): Record<LinkState, number> {
  const counting = linkStatesOf(observations, agents, judgeOptions.failureRatio, now);
  for (let step = counting.next(); ; step = counting.next()) if (step.done) return step.value;
}

test('a link is a pair of an agent and a peer, in the worst state of its probes', () => {
  const observations = new Observations(judgeOptions, 0);
  const results: [Link, Outcomes][] = [
    [dial('a'), outcomes(6)],
    [dial('b'), outcomes(6, { failed: 1 })],
    [dial('c'), outcomes(6, { failed: 2 })],
    [dial('d'), outcomes(6, { seconds: 0.2 })],
    [dial('e'), outcomes(6)],
    [dial('e', 'UDP'), outcomes(18, { failed: 18 })],
    [dial('unplanned'), outcomes(6, { failed: 6 })],
    [{ ...dial(''), host: '10.96.0.7:8000' }, outcomes(6, { failed: 6 })],
  ];
  observations.take({ agent: 'x', zone: '', spanMs: 15_000, results }, 0);
  const agents = [
    agent('x', ['a', 'b', 'c', 'd', 'e', 'f']),
    agent('y', ['a', 'b']),
    agent('leaving', ['a'], { state: 'leaving' }),
    agent('starting', ['a'], { state: 'starting' }),
  ];
  assert.deepEqual(statesOf(observations, agents), { ok: 2, slow: 1, failing: 2, unreported: 3 });
  assert.deepEqual(statesOf(observations, agents, 1001), { ok: 0, slow: 0, failing: 0, unreported: 8 }, 'overdue');
});
