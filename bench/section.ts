import type { BenchCluster } from './bench-cluster.ts';
import type { Figure } from './figures.ts';

/** What a part of a benchmark found; the details are for who wants to know how a figure came about. */
export interface SectionResult {
  figures: Figure[];
  details: Record<string, unknown>;
}

/**
 * A part of a benchmark that can be run alone.
 * @param quick shorter windows, for a first look
 */
export type Section = (bench: BenchCluster, quick: boolean) => Promise<SectionResult>;
