import { doubledDelay } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { ProbeResult } from '../probes/probe.ts';
import type { Target } from './targets.ts';

/** How long a server that wants no more requests gets none, in milliseconds, and the longest that RATE alone puts a request off. */
const pauseMs = 3_600_000;

interface BackoffState {
  /** How often the server said that it is asked too often: each time doubles the interval. */
  doublings: number;
  /** Before this there is no request. */
  notBefore: number;
  /** Whether the server wants none at all. */
  denied: boolean;
}

/**
 * Obeys kisses of death (RFC 5905 §7.4). RATE: from now on this server is asked half as often, again with each further RATE. DENY and RSTR:
 * it is not asked for an hour; all that while its turns count as failures, since it gives no time.
 */
export class NtpBackoff {
  readonly #clock: Clock;
  readonly #known = new Map<string, BackoffState>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keeps what these targets said and forgets all others. */
  plan(targets: readonly Target[]): void {
    const keys = new Set(targets.map(({ key }) => key));
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }

  /** @returns the result of a turn in which the server must not be asked; undefined when it may */
  insteadOf(target: Target): ProbeResult | undefined {
    const known = this.#known.get(target.key);
    if (!known || this.#clock.monotonic() >= known.notBefore) return undefined;
    return { latencies: [], failures: known.denied ? ['kiss_of_death'] : [], retransmits: 0, timing: 'clock' };
  }

  /** Takes note of what a request that was made brought. */
  record({ key, intervalMs }: Target, { kiss }: ProbeResult): void {
    let known = this.#known.get(key);
    if (!known && !kiss) return;
    known ??= { doublings: 0, notBefore: 0, denied: false };
    this.#known.set(key, known);
    if (kiss === 'RATE') known.doublings++;
    known.denied = kiss === 'DENY' || kiss === 'RSTR';
    // Half an interval less: turns come every interval, some a little early, and the one that is due is to be taken.
    const gapMs = Math.max(
      doubledDelay(known.doublings + 1, { baseMs: intervalMs, maxMs: pauseMs }),
      known.doublings > 0 ? 2 * intervalMs : 0,
    );
    known.notBefore = this.#clock.monotonic() + (known.denied ? Math.max(pauseMs, gapMs) : gapMs) - intervalMs / 2;
  }
}
