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

/** The largest report as it is on the wire, in bytes: what else a request says has room beside it. */
const maxReportBytes = 250_000;

/** How many targets that are gone wait at most to be reported once more, while the operator is away. */
const goneCapacity = 500;

/** What became of the attempts at one target since it was last reported. */
interface Entry {
  /** From when on, in milliseconds of the agent's clock. */
  since: number;
  target: Target;
  failures: Map<FailureReason, number>;
  retransmits: number;
  latencies: LatencySketch;
  losses: ReportedLosses | undefined;
}

/**
 * What probes found, added up until the operator acknowledges it. A report that was sent is sent again as it is, under its sequence, until it
 * is acknowledged: so whatever is lost on the way, nothing is lost or counted twice. Meanwhile the next one gathers.
 */
export class ReportLedger {
  readonly #clock: Clock;
  readonly #stream: string;
  /** The next report, by target, those that wait longest first. */
  readonly #entries = new Map<string, Entry>();
  #since: number;
  #sequence = 0;
  #sent: Report | undefined;

  /** @param stream what no other process calls its reports */
  constructor(clock: Clock, stream = randomBytes(9).toString('base64url')) {
    this.#clock = clock;
    this.#stream = stream;
    this.#since = clock.monotonic();
  }

  /**
   * These are the targets from now on. What is known of others is reported once more; when the operator is away, of the last that have gone.
   */
  plan(targets: readonly Target[]): void {
    const keys = new Set(targets.map(({ key }) => key));
    const gone = [...this.#entries.keys()].filter((key) => !keys.has(key));
    for (const key of gone.slice(0, Math.max(0, gone.length - goneCapacity))) this.#entries.delete(key);
  }

  /** Adds what a turn of a target's probe found. */
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

  /** The report to send: the one that is not acknowledged yet, or the next; undefined where there is nothing to report. */
  report(): Report | undefined {
    this.#sent ??= this.#next();
    return this.#sent;
  }

  /** The operator has this report. @returns whether it is the one that waits for it; any other is passed over */
  acknowledge({ stream, sequence }: Acknowledgement): boolean {
    if (this.#sent?.stream !== stream || this.#sent.sequence !== sequence) return false;
    this.#sent = undefined;
    return true;
  }

  /** Takes as many of the targets that wait longest as fit. */
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

/** What a report calls a target: by the labels of its metrics. */
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
