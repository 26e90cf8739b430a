import type { BenchCluster } from './bench-cluster.ts';
import { planSection } from './plan-section.ts';
import type { Section } from './section.ts';
import { SyncBench } from './sync-bench.ts';
import { syncSection } from './sync-section.ts';

/** On how many real nodes the benchmark of sync runs; the others are simulated. */
export const nodes = 1;

const benches = new WeakMap<BenchCluster, SyncBench>();

/** Installs everything but the operator's pod. */
export async function prepare(bench: BenchCluster): Promise<() => Promise<void>> {
  const syncBench = await SyncBench.prepare(bench);
  benches.set(bench, syncBench);
  return () => syncBench.undo();
}

const benchOf = (bench: BenchCluster) => benches.get(bench)!;

/**
 * The parts of the benchmark of sync, in their order: plans alone, then all of it, where the fleet grows from one to
 * the next.
 */
export const sections: Readonly<Record<string, Section>> = {
  'plans-100': planSection(100),
  'plans-1000': planSection(1000),
  'plans-5000': planSection(5000),
  'agents-100': syncSection(100, benchOf),
  'agents-1000': syncSection(1000, benchOf),
  'agents-5000': syncSection(5000, benchOf),
};
