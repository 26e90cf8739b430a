import { doubledDelay } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import type { ProbeResult } from '../probes/probe.ts';
import type { Target } from './targets.ts';

/** Pause after DENY or RSTR, and upper limit of the interval after RATE, in milliseconds. */
const pauseMs = 3_600_000;

interface BackoffState {
  /** Number of RATE answers. Each doubles the interval. */
  doublings: number;
  /** Time of the next allowed request. */
  notBefore: number;
  /** Whether the server answered DENY or RSTR. */
  denied: boolean;
}

/**
 * Backs off as kiss-o'-death packets demand (RFC 5905 §7.4). RATE halves the request rate to this server, again with
 * each further RATE. DENY and RSTR stop requests for an hour; meanwhile the skipped turns count as failures, because
 * the server provides no time.
 */
export class NtpBackoff {
  readonly #clock: Clock;
  readonly #known = new Map<string, BackoffState>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Removes the state of all other targets. */
  plan(targets: readonly Target[]): void {
    const keys = new Set(targets.map(({ key }) => key));
    for (const key of this.#known.keys()) if (!keys.has(key)) this.#known.delete(key);
  }

  /** @returns the result of a turn that must not send a request; undefined if the request is allowed */
  resultWhileBackingOff(target: Target): ProbeResult | undefined {
    const known = this.#known.get(target.key);
    if (!known || this.#clock.monotonic() >= known.notBefore) return undefined;
    return { latencies: [], failures: known.denied ? ['kiss_of_death'] : [], retransmits: 0, timing: 'clock' };
  }

  /** Records the result of a request. */
  record({ key, intervalMs }: Target, { kiss }: ProbeResult): void {
    let known = this.#known.get(key);
    if (!known && !kiss) return;
    known ??= { doublings: 0, notBefore: 0, denied: false };
    this.#known.set(key, known);
    if (kiss === 'RATE') known.doublings++;
    known.denied = kiss === 'DENY' || kiss === 'RSTR';
    // Half an interval less, because turns can be slightly early and the turn that is due must not be skipped.
    const gapMs = Math.max(
      doubledDelay(known.doublings + 1, { baseMs: intervalMs, maxMs: pauseMs }),
      known.doublings > 0 ? 2 * intervalMs : 0,
    );
    known.notBefore = this.#clock.monotonic() + (known.denied ? Math.max(pauseMs, gapMs) : gapMs) - intervalMs / 2;
  }
}
