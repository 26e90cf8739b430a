import type { Clock } from '../../base/clock.ts';
import type { FailureReason } from '../../contract/failure-reason.ts';
import type { ProbeResult } from '../probes/probe.ts';
import type { Target } from './targets.ts';

/** Grace period from planning a target until something listens there, which includes pulling an image. Milliseconds. */
const listeningMs = 60_000;

/**
 * Grace period from planning a target until packets reach it: routes to a new pod, kube-proxy rules of a new Service.
 * Milliseconds.
 */
const routedMs = 15_000;

/** Failures that are an answer of a DNS server. */
const answers = new Set<FailureReason>(['nxdomain', 'servfail', 'rcode', 'nodata', 'truncated', 'malformed']);

/**
 * Ignores failures of targets that cannot be reached yet, until they first answer and for a limited time: `refused` for
 * the longer period, because it shows that packets arrive, all others for the shorter one.
 *
 * - A pod or Service has its address before packets reach it and before anything listens there. Every rollout begins
 *   like that, and the network is not at fault. The time begins when the target is planned.
 * - An agent may start before its node's kube-proxy, DNS cache or network policy is ready. Workloads are usually not
 *   admitted to such a node. The time of every DNS server begins when the agent starts.
 */
export class StartGrace {
  readonly #clock: Clock;
  readonly #startedAt: number;
  /** Time at which the grace period of each subject that has not answered yet began, in monotonic milliseconds. */
  readonly #begunAt = new Map<string, number>();
  #subjects = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
  }

  /** Sets the targets. The grace period of new network targets begins now. */
  plan(targets: readonly Target[]): void {
    const now = this.#clock.monotonic();
    const subjects = new Set<string>();
    for (const target of targets) {
      const subject = subjectOf(target);
      if (subject === undefined) continue;
      subjects.add(subject);
      if (!this.#subjects.has(subject)) this.#begunAt.set(subject, target.probe === 'dns' ? this.#startedAt : now);
    }
    for (const subject of this.#begunAt.keys()) if (!subjects.has(subject)) this.#begunAt.delete(subject);
    this.#subjects = subjects;
  }

  /** Whether to ignore the result because the target cannot be reached yet. */
  excuses(target: Target, result: ProbeResult): boolean {
    const subject = subjectOf(target);
    const begunAt = subject === undefined ? undefined : this.#begunAt.get(subject);
    if (subject === undefined || begunAt === undefined) return false;
    const ageMs = this.#clock.monotonic() - begunAt;
    if (hasAnswered(target, result) || ageMs >= listeningMs) {
      this.#begunAt.delete(subject);
      return false;
    }
    return ageMs < routedMs || result.failures.every((reason) => reason === 'refused');
  }
}

/** What answers: a network target, or the server of a DNS target, whatever is looked up there. */
function subjectOf(target: Target): string | undefined {
  if (target.probe === 'network') return target.key;
  return target.probe === 'dns' ? `dns ${target.labels.server}` : undefined;
}

function hasAnswered({ probe }: Target, { latencies, failures, skipped }: ProbeResult): boolean {
  return (
    latencies.length > 0 || skipped !== undefined || (probe === 'dns' && failures.some((reason) => answers.has(reason)))
  );
}
