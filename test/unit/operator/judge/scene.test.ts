import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Observations } from '../../../../src/operator/judge/observations.ts';
import { type Scene, sceneOf } from '../../../../src/operator/judge/scene.ts';
import type { Link } from '../../../../src/operator/reports/link-table.ts';
import { judgeOptions } from './judged-fleet.ts';

const links = [1, 2, 3].map(
  (number): Link => ({
    ...{ probe: 'network', host: `10.0.0.${number}:8000`, server: '', protocol: 'TCP', type: '' },
    ...{ node: `n${number}`, zone: '' },
  }),
);

test('streams that begin between the slices of a judgement wait for the next one', () => {
  const observations = new Observations(judgeOptions, 0);
  const take = (agent: string) =>
    observations.take(
      {
        ...{ agent, zone: '', spanMs: 15_000 },
        results: links.map((link) => [link, { attempts: 1, failures: {}, retransmits: 0, latencies: [[40, 1]] }]),
      },
      0,
    );
  take('p1');
  const facts = {
    agents: [1, 2, 3].map((number) => ({
      ...{ uid: `p${number}`, node: `n${number}`, state: 'serving' as const, overdueAt: 1000 },
      addresses: [`10.0.0.${number}:8000`],
    })),
    ...{ nodes: () => undefined, dnsPods: [], resolvers: [], services: [], isExempt: () => false },
  };
  const build = (between: () => void): Scene => {
    const building = sceneOf(observations, facts, 0);
    for (let step = building.next(); ; step = building.next()) {
      if (step.done) return step.value;
      between();
    }
  };
  const scene = build(() => ['p2', 'p3'].map(take));
  assert.deepEqual([scene.size, scene.stream.length], [3, 3]);
  assert.equal(build(() => {}).size, 9);
});
