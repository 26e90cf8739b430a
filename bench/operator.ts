import type { BenchCluster } from './bench-cluster.ts';
import { OperatorBench } from './operator-bench.ts';
import { operatorSection } from './operator-section.ts';
import type { Section } from './section.ts';

/** On how many real nodes the operator's benchmark runs; the others are simulated. */
export const nodes = 1;

const benches = new WeakMap<BenchCluster, OperatorBench>();

/** Installs everything but the operator's pod. */
export async function prepare(bench: BenchCluster): Promise<() => Promise<void>> {
  const operatorBench = await OperatorBench.prepare(bench);
  benches.set(bench, operatorBench);
  return () => operatorBench.undo();
}

const benchOf = (bench: BenchCluster) => benches.get(bench)!;

/** The parts of the operator's benchmark, in their order: the fleet grows from one to the next. */
export const sections: Readonly<Record<string, Section>> = {
  'nodes-100': operatorSection(100, benchOf),
  'nodes-1000': operatorSection(1000, benchOf),
  'nodes-5000': operatorSection(5000, benchOf),
};
