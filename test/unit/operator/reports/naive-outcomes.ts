import { failureReasons } from '../../../../src/contract/failure-reason.ts';
import type { Outcomes } from '../../../../src/operator/reports/packed-outcomes.ts';
import { LatencySketch } from '../../../../src/protocol/latency-sketch.ts';
import type { TargetReport } from '../../../../src/protocol/report.ts';

/** Of a target's report, what became of the attempts. */
export function outcomesOf({ attempts, failures, retransmits, latencies, losses }: TargetReport): Outcomes {
  return { attempts, failures, retransmits, latencies, ...(losses && { losses }) };
}

/** What became of all attempts together, field by field. */
export function naiveSum(all: readonly Outcomes[]): Outcomes {
  const total = (count: (each: Outcomes) => number) => all.reduce((sum, each) => sum + count(each), 0);
  const failures = failureReasons
    .filter((reason) => all.some((each) => each.failures[reason]))
    .map((reason) => [reason, total((each) => each.failures[reason] ?? 0)]);
  const sketch = new LatencySketch();
  for (const { latencies } of all) sketch.merge(latencies);
  const losses = {
    forward: total((each) => each.losses?.forward ?? 0),
    return: total((each) => each.losses?.return ?? 0),
    unknown: total((each) => each.losses?.unknown ?? 0),
  };
  return {
    attempts: total(({ attempts }) => attempts),
    failures: Object.fromEntries(failures),
    retransmits: total(({ retransmits }) => retransmits),
    latencies: sketch.entries(),
    ...(all.some((each) => each.losses) && { losses }),
  };
}
