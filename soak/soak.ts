import type { Figure } from '../bench/figures.ts';
import type { OlderKubernetes } from '../test/cluster/older-kubernetes.ts';

/** What every soak is given. */
export interface SoakOptions {
  /** Decides everything that is left to chance, so that a run can be made again: 0 to 2³² − 1. */
  seed: number;
  /** How long the load lasts, beside the time to set up and to take away. */
  minutes: number;
  /** How many sequences to run instead of a time; undefined: as many as there is time for. */
  sequences: number | undefined;
  /** The only older Kubernetes to run on; undefined: all of them. */
  kubernetes?: OlderKubernetes | undefined;
  /** The only faults to inject, by name; undefined: all of them. */
  faults?: readonly string[] | undefined;
  /** Aborted when the run is to end early: the soak removes what it made and rejects with the signal's reason. */
  signal: AbortSignal;
  /** Tells of progress, a line at a time. */
  log: (line: string) => void;
}

/** What a soak found. */
export interface SoakResult {
  /** Those with a goal that is missed make the soak fail. */
  figures: Figure[];
  /** Whatever else was not as it must be, each in a sentence. */
  failures: string[];
  /** For who wants to know how it came about. */
  details: Record<string, unknown>;
}

/**
 * A part of this project under everything that it must bear, for a long time.
 * @throws Error when it could not be run to its end, which says nothing about the part
 */
export type Soak = (options: SoakOptions) => Promise<SoakResult>;

/** All that was not as it must be, each in a sentence; none when the soak passed. */
export function violations({ figures, failures }: Pick<SoakResult, 'figures' | 'failures'>): string[] {
  const missed = figures.filter(({ ok }) => ok === false);
  return [...failures, ...missed.map(({ name, value, goal }) => `${name} is ${value}, to be ${goal}`)];
}
