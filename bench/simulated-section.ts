import type { SectionResult } from './section.ts';

/** A part of a benchmark that needs no cluster and can be run alone. */
export type SimulatedSection = (options: {
  /** Fewer runs, for a first look. */
  quick: boolean;
  signal: AbortSignal;
  log: (line: string) => void;
}) => Promise<SectionResult>;
