import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { FailureReason } from '../../contract/failure-reason.ts';
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
  readonly #stream: string;
  /** The next report by target, longest waiting first. */
  readonly #entries = new Map<string, Entry>();
  #since: number;
  #sequence = 0;
  #sent: Report | undefined;

  /** @param stream identifies the reports of this process; unique */
  constructor(clock: Clock, stream = randomBytes(9).toString('base64url')) {
    this.#clock = clock;
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
    for (const key of gone.slice(0, Math.max(0, gone.length - goneCapacity))) this.#entries.delete(key);
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

  /** Takes the longest waiting targets, as many as fit. */
  #next(): Report | undefined {
    const now = this.#clock.monotonic();
    const waiting = [...this.#entries];
    this.#since = now;
    if (waiting.length === 0) return undefined;
    this.#sequence++;
    for (let count = Math.min(waiting.length, maxReportTargets); ; count = Math.ceil(count / 2)) {
      const taken = waiting.slice(0, count);
      const report: Report = {
        stream: this.#stream,
        sequence: this.#sequence,
        spanMs: Math.round(now - Math.min(...taken.map(([, { since }]) => since))),
        targets: taken.map(([, entry]) => reportOf(entry)),
      };
      if (count > 1 && Buffer.byteLength(JSON.stringify(encodeReport(report))) > maxReportBytes) continue;
      for (const [key] of taken) this.#entries.delete(key);
      return report;
    }
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
