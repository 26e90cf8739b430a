import type { Clock } from '../../base/clock.ts';
import type { Log } from '../log.ts';
import type { LossDirection, ProbeResult } from '../probes/probe.ts';
import type { Target } from './targets.ts';

/** How long a target's state is not written about again, in milliseconds, however often it changes. */
const quietMs = 60_000;

interface LoggedState {
  state: string;
  saidAt: number;
}

/**
 * Writes when targets begin to fail and when they are well again: changes only, and of one target at most one a minute, so that neither a
 * cluster without DNS nor a peer that comes and goes floods the log. A target that is well from its first turn on is not written about.
 */
export class TargetStateLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #known = new Map<string, LoggedState>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** @param problem what went wrong in this turn; undefined when nothing did */
  record(target: Target, problem: string | undefined): void {
    const state = problem ?? '';
    const known = this.#known.get(target.key);
    const now = this.#clock.monotonic();
    if (known?.state === state || (known && now - known.saidAt < quietMs)) return;
    if (!known && problem === undefined) return;
    this.#known.set(target.key, { state, saidAt: now });
    const { probe, labels } = target;
    if (problem === undefined) this.#log('info', 'target recovered', { probe, ...labels });
    else this.#log('warn', 'target is failing', { probe, ...labels, reason: problem });
  }

  /** Keeps what is known of these targets and forgets all others. */
  keep(targets: readonly Target[]): void {
    const keys = new Set(targets.map(({ key }) => key));
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }
}

const directions = ['forward', 'return'] satisfies LossDirection[];

/** What went wrong in a turn, for people, such as `timeout` or `lost (forward)`; undefined when nothing did. */
export function problemOf({ failures, losses }: ProbeResult): string | undefined {
  const [problem] = failures;
  const known = problem === 'lost' ? directions.filter((direction) => (losses?.[direction] ?? 0) > 0) : [];
  return known.length > 0 ? `${problem} (${known.join(', ')})` : problem;
}
