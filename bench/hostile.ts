import type { BenchCluster } from './bench-cluster.ts';
import { hostileSection } from './hostile-section.ts';
import type { Section } from './section.ts';
import { SyncBench } from './sync-bench.ts';

/** On how many real nodes it runs; the others are simulated. */
export const nodes = 1;

const benches = new WeakMap<BenchCluster, SyncBench>();

/** Installs everything but the operator's pod. */
export async function prepare(bench: BenchCluster): Promise<() => Promise<void>> {
  const syncBench = await SyncBench.prepare(bench);
  benches.set(bench, syncBench);
  return () => syncBench.undo();
}

/** The benchmark under hostile clients. */
export const sections: Readonly<Record<string, Section>> = {
  floods: hostileSection(1000, (bench) => benches.get(bench)!),
};
