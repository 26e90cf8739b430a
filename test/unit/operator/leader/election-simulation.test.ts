import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ElectionSimulation, type SimulatedWrite } from './election-simulation.ts';

/** Of two processes, writes that were under way at the same time. */
function overlapping(writes: SimulatedWrite[]): [SimulatedWrite, SimulatedWrite] | undefined {
  for (const [index, a] of writes.entries())
    for (const b of writes.slice(index + 1)) {
      if (b.from >= a.to) continue;
      if (b.process !== a.process) return [a, b];
    }
  return undefined;
}

test('whatever happens to clocks, processes and the network, writes of two processes never overlap, and one leads in the end', async () => {
  let leaders = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const simulation = new ElectionSimulation(seed);
      await simulation.run(180_000);
      simulation.calm();
      await simulation.run(80_000);
      assert.equal(overlapping(simulation.writes), undefined);
      assert.equal(simulation.leaders().length, 1);
      const epochs = new Map(simulation.writes.map(({ process, epoch }) => [process, epoch]));
      const counts = [...epochs.values()];
      assert.deepEqual(
        counts,
        [...new Set(counts)].sort((a, b) => a - b),
        'each leader has a higher epoch than those before',
      );
      leaders += epochs.size;
    }),
    { numRuns: 40 },
  );
  assert.ok(leaders > 100, `only ${leaders} leaders: too little happened`);
});
