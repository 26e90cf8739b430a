import type { Clock } from '../../base/clock.ts';
import type { Log } from '../log.ts';
import type { LossDirection, ProbeResult } from '../probes/probe.ts';
import type { Target } from './targets.ts';

/** Minimum time between two log lines about a target, in milliseconds. */
const quietMs = 60_000;

interface LoggedState {
  state: string;
  loggedAt: number;
}

/**
 * Logs when a target starts to fail and when it recovers. Logs only changes, and at most one per minute and target, so
 * neither a cluster without DNS nor a flapping peer floods the log. A target that never failed is not logged.
 */
export class TargetStateLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #known = new Map<string, LoggedState>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** @param problem reason for the failure of this turn; undefined if it succeeded */
  record(target: Target, problem: string | undefined): void {
    const state = problem ?? '';
    const known = this.#known.get(target.key);
    const now = this.#clock.monotonic();
    if (known?.state === state || (known && now - known.loggedAt < quietMs)) return;
    if (!known && problem === undefined) return;
    this.#known.set(target.key, { state, loggedAt: now });
    const { probe, labels } = target;
    if (problem === undefined) this.#log('info', 'target recovered', { probe, ...labels });
    else this.#log('warn', 'target is failing', { probe, ...labels, reason: problem });
  }

  /** Removes the state of all other targets. */
  keep(targets: readonly Target[]): void {
    const keys = new Set(targets.map(({ key }) => key));
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }
}

const directions = ['forward', 'return'] satisfies LossDirection[];

/** Reason for the failure of a turn as text, such as `timeout` or `lost (forward)`; undefined if it succeeded. */
export function problemOf({ failures, losses }: ProbeResult): string | undefined {
  const [problem] = failures;
  const known = problem === 'lost' ? directions.filter((direction) => (losses?.[direction] ?? 0) > 0) : [];
  return known.length > 0 ? `${problem} (${known.join(', ')})` : problem;
}
