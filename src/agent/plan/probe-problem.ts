import type { LossDirection, ProbeResult } from '../probes/probe.ts';

const directions = ['forward', 'return'] satisfies LossDirection[];

/** What went wrong in a turn, for people, such as `timeout` or `lost (forward)`; undefined when nothing did. */
export function problemOf({ failures, losses }: ProbeResult): string | undefined {
  const [problem] = failures;
  const known = problem === 'lost' ? directions.filter((direction) => (losses?.[direction] ?? 0) > 0) : [];
  return known.length > 0 ? `${problem} (${known.join(', ')})` : problem;
}
