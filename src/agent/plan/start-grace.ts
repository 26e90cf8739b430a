import type { Clock } from '../../base/clock.ts';
import type { ProbeResult } from '../probes/probe.ts';
import type { Target } from './targets.ts';

/** From an address being known until something listens there: pulling an image, above all. Milliseconds. */
const listeningMs = 60_000;

/** From an address being known until packets find it: routes to a new pod, kube-proxy's rules for a new Service. Milliseconds. */
const routedMs = 15_000;

/**
 * Tells a target that has not started yet from one that is broken. A pod and a Service have their addresses before packets
 * find them, and before anything listens there: that is how every rollout begins, and no fault of the network. So what a
 * network target that has not answered once does not do is excused for a while after it was planned: a refusal longest, for
 * it shows that the way there is well, everything else shortly. From its first answer on nothing is.
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
    for (const key of keys) if (!this.#keys.has(key)) this.#plannedAt.set(key, this.#clock.monotonic());
    for (const key of this.#plannedAt.keys()) if (!keys.has(key)) this.#plannedAt.delete(key);
    this.#keys = keys;
  }

  /** Whether what a turn found is only that its target has not started yet. */
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
