import type { LinkState } from '../../contract/suspects.ts';
import type { Verdict } from './judge.ts';

/**
 * Why a part of a fleet is not judged.
 * - `Warming`: two holds have not passed since this operator became the leader
 * - `Disabled`: `spec.dns.enabled` or `spec.network.enabled` is false
 * - `NoPeers`: fewer than two agents, so there is no link
 * - `NoReports`: all agents are overdue
 * - `NotSynced`: the agents do not have a plan of this operator
 * - `IntervalTooLong`: the effective window is above 15 minutes
 */
export type UnknownReason = 'Warming' | 'Disabled' | 'NoPeers' | 'NoReports' | 'NotSynced' | 'IntervalTooLong';

/** The lookups, or the dials and echoes, of a fleet within the effective window. */
export interface JudgedPart {
  /** Undefined if it is judged. */
  unknown: UnknownReason | undefined;
  attempts: number;
  failures: number;
  /** Percentiles of the latencies of successful attempts, in seconds; undefined without any. */
  p50: number | undefined;
  p99: number | undefined;
}

/** The last judgement of one NetExporter's fleet. */
export interface JudgedFleet {
  /** Of the spec that was judged. */
  generation: number;
  /** Wall clock, in milliseconds. */
  judgedAt: number;
  /** Length of the effective window, in milliseconds. */
  windowMs: number;
  verdict: Verdict;
  /** `servers` and `hosts`: how many of each agents query. */
  dns: JudgedPart & { servers: number; hosts: number };
  network: JudgedPart & { links: Record<LinkState, number> };
}
