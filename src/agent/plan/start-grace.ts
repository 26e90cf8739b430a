import type { Clock } from '../../base/clock.ts';
import type { ProbeResult } from '../probes/probe.ts';
import type { Target } from './targets.ts';

/** Grace period from planning a target until something listens there, which includes pulling an image. Milliseconds. */
const listeningMs = 60_000;

/**
 * Grace period from planning a target until packets reach it: routes to a new pod, kube-proxy rules of a new Service.
 * Milliseconds.
 */
const routedMs = 15_000;

/**
 * Ignores failures of network targets that have not started yet. A pod or Service has its address before packets reach
 * it and before anything listens there: every rollout begins like that, and the network is not at fault. Until a target
 * first answers, its failures are ignored for a while after it was planned: `refused` for the longer period, because it
 * shows that packets arrive, all others for the shorter one.
 */
export class StartGrace {
  readonly #clock: Clock;
  /** Time at which each target that has not answered yet was planned, by key. */
  readonly #plannedAt = new Map<string, number>();
  #keys = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sets the targets. The grace period of new ones begins now. */
  plan(targets: readonly Target[]): void {
    const keys = new Set(targets.filter(({ probe }) => probe === 'network').map(({ key }) => key));
    for (const key of keys) if (!this.#keys.has(key)) this.#plannedAt.set(key, this.#clock.monotonic());
    for (const key of this.#plannedAt.keys()) if (!keys.has(key)) this.#plannedAt.delete(key);
    this.#keys = keys;
  }

  /** Whether to ignore the result because the target has not started yet. */
  excuses(target: Target, result: ProbeResult): boolean {
    const plannedAt = this.#plannedAt.get(target.key);
    if (plannedAt === undefined) return false;
    const ageMs = this.#clock.monotonic() - plannedAt;
    if (result.latencies.length > 0 || ageMs >= listeningMs) {
      this.#plannedAt.delete(target.key);
      return false;
    }
    return ageMs < routedMs || result.failures.every((reason) => reason === 'refused');
  }
}
