import type { FailureReason } from '../../protocol/failure-reason.ts';
import type { SketchEntry } from '../../protocol/latency-sketch.ts';
import type { TargetReport } from '../../protocol/report.ts';

/** What became of the attempts at a target. */
export type Outcomes = Pick<TargetReport, 'attempts' | 'failures' | 'retransmits' | 'latencies' | 'losses'>;

/** Of a target's report, what became of the attempts; a copy. */
export function outcomesOf({ attempts, failures, retransmits, latencies, losses }: TargetReport): Outcomes {
  const copied = latencies.map(([index, count]): SketchEntry => [index, count]);
  return {
    attempts,
    failures: { ...failures },
    retransmits,
    latencies: copied,
    ...(losses && { losses: { ...losses } }),
  };
}

/** Adds outcomes to a sum of such, which changes. */
export function addOutcomes(sum: Outcomes, more: Outcomes): void {
  sum.attempts += more.attempts;
  sum.retransmits += more.retransmits;
  for (const reason in more.failures) {
    const known = reason as FailureReason;
    sum.failures[known] = (sum.failures[known] ?? 0) + more.failures[known]!;
  }
  addLatencies(sum.latencies, more.latencies);
  if (!more.losses) return;
  sum.losses ??= { forward: 0, return: 0, unknown: 0 };
  sum.losses.forward += more.losses.forward;
  sum.losses.return += more.losses.return;
  sum.losses.unknown += more.losses.unknown;
}

/** Adds a sketch to another; both are ascending. */
function addLatencies(sum: SketchEntry[], more: readonly SketchEntry[]): void {
  let at = 0;
  for (const [index, count] of more) {
    while (at < sum.length && sum[at]![0] < index) at++;
    const same = sum[at];
    if (same?.[0] === index) same[1] += count;
    else sum.splice(at, 0, [index, count]);
  }
}
