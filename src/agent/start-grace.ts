import type { Clock } from './clock.ts';
import type { ProbeResult } from './probe.ts';
import type { Target } from './targets.ts';

/** How long a peer may take from its address being known until it listens: pulling its image, above all. Milliseconds. */
const graceMs = 60_000;

/**
 * Tells a peer that has not started yet from one that is broken. A pod has its address, and a Service its own, before anything
 * listens there: whoever dials that early is refused. That is how every rollout begins, and no fault of the network. So a
 * refusal by a network target that was planned less than a minute ago and has not answered once is excused. Everything else
 * counts from the first turn: silence, resets and unreachable hosts are no signs of a start.
 */
export class StartGrace {
  readonly #clock: Clock;
  /** When the targets that have not answered yet were planned, by key. */
  readonly #plannedAt = new Map<string, number>();
  #keys = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** These are the targets from now on; the grace of a new one begins. */
  plan(targets: readonly Target[]): void {
    const keys = new Set(targets.filter(({ probe }) => probe === 'network').map(({ key }) => key));
    for (const key of keys) if (!this.#keys.has(key)) this.#plannedAt.set(key, this.#clock.now());
    for (const key of this.#plannedAt.keys()) if (!keys.has(key)) this.#plannedAt.delete(key);
    this.#keys = keys;
  }

  /** Whether what a turn found is only that its target has not started yet. */
  excuses(target: Target, result: ProbeResult): boolean {
    const plannedAt = this.#plannedAt.get(target.key);
    if (plannedAt === undefined) return false;
    if (result.latencies.length > 0 || this.#clock.now() - plannedAt >= graceMs) {
      this.#plannedAt.delete(target.key);
      return false;
    }
    return result.failures.every((reason) => reason === 'refused');
  }
}
