import { buildImages } from '../test/cluster/images.ts';
import { apply } from '../test/e2e/environment.ts';
import { installOperator } from '../test/e2e/installation.ts';
import { type BenchCluster, namespace } from './bench-cluster.ts';
import { echo } from './echo-section.ts';
import { footprint, udpFootprint } from './footprint-section.ts';
import { latency } from './latency-section.ts';
import { schedule } from './schedule-section.ts';
import type { Section } from './section.ts';
import { synLoss } from './syn-loss-section.ts';
import { throttled } from './throttled-section.ts';

/** On how many nodes the agent's benchmark runs. */
export const nodes = 3;

/** Installs the operator from manifests/install.yaml, as users do. It stays. */
export async function prepare({ cluster, kubectl, log }: BenchCluster): Promise<() => Promise<void>> {
  const images = await buildImages({ log });
  for (const { archive } of [images.operator, images.agent]) await cluster.loadImage(archive);
  await installOperator(kubectl);
  await apply(kubectl, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  return async () => {};
}

/** The parts of the agent's benchmark, in their order. */
export const sections: Readonly<Record<string, Section>> = {
  latency,
  echo,
  throttled,
  retransmits: synLoss,
  schedule,
  footprint,
  'footprint-udp': udpFootprint,
};
