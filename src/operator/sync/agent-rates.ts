import type { Clock } from '../../base/clock.ts';
import { type Rate, TokenBucket } from '../../base/token-bucket.ts';

/** Rate of the requests of one agent. An agent needs four per minute, and one for each change. */
export const agentRate: Rate = { perSecond: 2, burst: 10 };

/** Time in which a bucket fills up, so that it need not be kept, in milliseconds. */
const fullAfterMs = (agentRate.burst / agentRate.perSecond) * 1000;

interface Caller {
  bucket: TokenBucket;
  /** Time of the last request, in milliseconds of the monotonic clock. */
  at: number;
}

/** Limits the rate of each agent's requests, whatever number of connections it uses. Keeps only recent callers. */
export class AgentRates {
  readonly #clock: Clock;
  /** By the pod's UID, the most recent caller last. */
  readonly #callers = new Map<string, Caller>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Number of agents that are kept. */
  get size(): number {
    return this.#callers.size;
  }

  /** @returns whether the agent may send a request now */
  allow(podUid: string): boolean {
    const at = this.#clock.monotonic();
    for (const [other, caller] of this.#callers) {
      if (at - caller.at < fullAfterMs) break;
      this.#callers.delete(other);
    }
    const bucket = this.#callers.get(podUid)?.bucket ?? new TokenBucket(agentRate, this.#clock);
    this.#callers.delete(podUid);
    this.#callers.set(podUid, { bucket, at });
    return bucket.allow();
  }
}
