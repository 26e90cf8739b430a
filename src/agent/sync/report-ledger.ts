import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { FailureReason } from '../../contract/failure-reason.ts';
import type { settingsMetrics } from '../../contract/metrics/agent-metrics.ts';
import type { LabelValue } from '../../contract/metrics/metric.ts';
import { LatencySketch } from '../../protocol/latency-sketch.ts';
import {
  encodeReport,
  maxReportTargets,
  type Report,
  type ReportedLosses,
  type TargetReport,
} from '../../protocol/report.ts';
import type { Acknowledgement } from '../../protocol/sync.ts';
import type { Target } from '../plan/targets.ts';
import type { ProbeResult } from '../probes/probe.ts';

/** Maximum size of an encoded report, in bytes. Leaves room for the rest of the request. */
const maxReportBytes = 250_000;

/** Maximum number of removed targets that wait for their last report while the operator is unavailable. */
const goneCapacity = 500;

/**
 * Why results are not reported: they cannot be encoded (`invalid`), the operator rejected the report (`rejected`), or
 * their targets were removed while the operator was unavailable (`removed`).
 */
export type ReportDropReason = LabelValue<typeof settingsMetrics.reportDrops, 'reason'>;

/** Events of the ledger. */
export interface ReportEvents {
  /** The results of this number of targets were dropped. */
  dropped(reason: ReportDropReason, targets: number): void;
}

/** Results of the attempts at one target since its last report. */
interface Entry {
  /** Start of the period, in milliseconds of the monotonic clock. */
  since: number;
  target: Target;
  failures: Map<FailureReason, number>;
  retransmits: number;
  latencies: LatencySketch;
  losses: ReportedLosses | undefined;
}

/**
 * Aggregates probe results until the operator acknowledges them. A report is sent again unchanged, with its sequence
 * number, until it is acknowledged, so a lost request or response neither loses results nor counts them twice. New
 * results are collected for the next report meanwhile.
 */
export class ReportLedger {
  readonly #clock: Clock;
  readonly #events: ReportEvents;
  readonly #stream: string;
  /** The next report by target, longest waiting first. */
  readonly #entries = new Map<string, Entry>();
  #since: number;
  #sequence = 0;
  #sent: Report | undefined;

  /** @param stream identifies the reports of this process; unique */
  constructor(clock: Clock, events: ReportEvents, stream = randomBytes(9).toString('base64url')) {
    this.#clock = clock;
    this.#events = events;
    this.#stream = stream;
    this.#since = clock.monotonic();
  }

  /**
   * Sets the targets. Results of removed targets are reported once more; if the operator is unavailable, only those of
   * the most recently removed ones.
   */
  plan(targets: readonly Target[]): void {
    const keys = new Set(targets.map(({ key }) => key));
    const gone = [...this.#entries.keys()].filter((key) => !keys.has(key));
    this.#drop('removed', gone.slice(0, Math.max(0, gone.length - goneCapacity)));
  }

  /** Adds the result of a turn. */
  record(target: Target, { latencies, failures, retransmits, losses }: ProbeResult): void {
    const entry = this.#entries.get(target.key) ?? newEntry(target, this.#since);
    this.#entries.set(target.key, entry);
    for (const seconds of latencies) entry.latencies.add(seconds);
    for (const reason of failures) entry.failures.set(reason, (entry.failures.get(reason) ?? 0) + 1);
    entry.retransmits += retransmits;
    if (!losses) return;
    const { forward, return: back, unknown } = entry.losses ?? { forward: 0, return: 0, unknown: 0 };
    entry.losses = {
      forward: forward + losses.forward,
      return: back + losses.return,
      unknown: unknown + losses.unknown,
    };
  }

  /** The report to send: the unacknowledged one, or the next; undefined if there is nothing to report. */
  report(): Report | undefined {
    this.#sent ??= this.#next();
    return this.#sent;
  }

  /** Handles an acknowledgement. @returns whether it is for the pending report; others are ignored */
  acknowledge({ stream, sequence }: Acknowledgement): boolean {
    if (this.#sent?.stream !== stream || this.#sent.sequence !== sequence) return false;
    this.#sent = undefined;
    return true;
  }

  /** Drops the pending report, which the operator does not accept: it would reject it again. */
  reject(): void {
    if (this.#sent) this.#events.dropped('rejected', this.#sent.targets.length);
    this.#sent = undefined;
  }

  /** Takes the longest waiting targets, as many as fit. What cannot be encoded is dropped, so it holds up nothing. */
  #next(): Report | undefined {
    const now = this.#clock.monotonic();
    this.#since = now;
    let count = maxReportTargets;
    while (this.#entries.size > 0) {
      const taken = [...this.#entries].slice(0, count);
      const report = this.#reportOf(taken, now);
      const bytes = encodedBytes(report);
      if (bytes === undefined) this.#dropInvalid(taken, report);
      else if (bytes > maxReportBytes && taken.length > 1) count = Math.ceil(taken.length / 2);
      else {
        this.#sequence = report.sequence;
        for (const [key] of taken) this.#entries.delete(key);
        return report;
      }
    }
    return undefined;
  }

  #reportOf(entries: readonly [string, Entry][], now: number): Report {
    return {
      stream: this.#stream,
      sequence: this.#sequence + 1,
      spanMs: Math.round(now - Math.min(...entries.map(([, { since }]) => since))),
      targets: entries.map(([, entry]) => reportOf(entry)),
    };
  }

  /** Drops the targets that are invalid on their own, or all if none is. */
  #dropInvalid(entries: readonly [string, Entry][], report: Report): void {
    const keys = entries.map(([key]) => key);
    const invalid = keys.filter(
      (_, index) => encodedBytes({ ...report, targets: [report.targets[index]!] }) === undefined,
    );
    this.#drop('invalid', invalid.length > 0 ? invalid : keys);
  }

  #drop(reason: ReportDropReason, keys: readonly string[]): void {
    for (const key of keys) this.#entries.delete(key);
    if (keys.length > 0) this.#events.dropped(reason, keys.length);
  }
}

/** Size of an encoded report, in bytes; undefined if it cannot be encoded. */
function encodedBytes(report: Report): number | undefined {
  try {
    return Buffer.byteLength(JSON.stringify(encodeReport(report)));
  } catch {
    return undefined;
  }
}

function newEntry(target: Target, since: number): Entry {
  return { since, target, failures: new Map(), retransmits: 0, latencies: new LatencySketch(), losses: undefined };
}

function reportOf({ target, failures, retransmits, latencies, losses }: Entry): TargetReport {
  const failed = [...failures.values()].reduce((total, count) => total + count, 0);
  return {
    ...subjectOf(target),
    attempts: latencies.count + failed,
    failures: Object.fromEntries(failures),
    retransmits,
    latencies: latencies.entries(),
    ...(losses && { losses }),
  };
}

/** Identifies a target in a report, by the labels of its metrics. */
function subjectOf(
  target: Target,
): Pick<TargetReport, 'probe' | 'host' | 'server' | 'protocol' | 'type' | 'node' | 'zone'> {
  const none = { server: '', type: '', node: '', zone: '' };
  switch (target.probe) {
    case 'dns':
      return { ...none, probe: 'dns', ...target.labels };
    case 'network': {
      const { host, protocol, peer_node: node, peer_zone: zone } = target.labels;
      return { ...none, probe: 'network', host, protocol, node, zone };
    }
    case 'ntp':
      return { ...none, probe: 'ntp', host: target.labels.server, protocol: 'UDP' };
  }
}
