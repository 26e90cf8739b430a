import type { Counter, Histogram, Metric } from 'prom-client';
import type { FailureReason } from '../../contract/failure-reason.ts';
import type { ProbeResult } from './probe.ts';

type Labels = Record<string, string>;

/** The metrics of one kind of probe. */
export interface ProbeFamily {
  latency: Histogram;
  errors: Counter;
  /** Undefined if nothing is retransmitted. */
  retransmits(labels: Labels): Counter | undefined;
  /** Undefined if the direction of a loss cannot be known. */
  losses(labels: Labels): Counter | undefined;
  failures: Counter;
  /** Possible reasons; their series exist at zero from the start. */
  reasons(labels: Labels): readonly FailureReason[];
  /** Labels of `failures` without the reason. Targets with equal labels share a series. */
  shared(labels: Labels): Labels;
  /** Errors of the agent itself. */
  faults: Counter;
  /** Further metrics of each target. */
  extra?: {
    add(labels: Labels): void;
    remove(labels: Labels): void;
    record(labels: Labels, result: ProbeResult): void;
  };
  /** All metrics of the family, if they are exposed only while it has targets. */
  optional?: readonly Metric[];
}
