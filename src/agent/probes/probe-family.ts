import type { Counter, Histogram, Metric } from 'prom-client';
import type { FailureReason } from '../../contract/failure-reason.ts';
import type { ProbeResult } from './probe.ts';

type Labels = Record<string, string>;

/** The metrics of one kind of probe. */
export interface ProbeFamily {
  latency: Histogram;
  errors: Counter;
  /** Undefined where the kernel sends nothing again. */
  retransmits(labels: Labels): Counter | undefined;
  /** Undefined where nobody can tell on which way something is lost. */
  losses(labels: Labels): Counter | undefined;
  failures: Counter;
  /** The reasons that can occur, which exist at zero from the start. */
  reasons(labels: Labels): readonly FailureReason[];
  /** Labels of `failures` beside the reason: the targets that share them share a series. */
  shared(labels: Labels): Labels;
  /** The agent's own faults. */
  faults: Counter;
  /** What the family has beside these, for each target. */
  beside?: {
    add(labels: Labels): void;
    remove(labels: Labels): void;
    record(labels: Labels, result: ProbeResult): void;
  };
  /** All its metrics, where they are to be seen only while it has targets. */
  optional?: readonly Metric[];
}
