import type { Clock } from '../base/clock.ts';

/** Minimum time for which a stopping agent answers, in milliseconds. Peers stop probing it within this time. */
const minMs = 3000;

/**
 * Time without a dial after which no node sends connections to the Service to this agent, in milliseconds.
 * A kube-proxy with `--iptables-min-sync-period=10s`, the default of some providers, removes an endpoint up to that
 * much later.
 */
const quietMs = 12_000;

/** Maximum time for which a stopping agent answers, in milliseconds: less than the pods' grace period. */
const maxMs = 25_000;

/** Determines how long a stopping agent keeps answering, so that no dial of it fails. */
export class ShutdownGrace {
  readonly #clock: Pick<Clock, 'monotonic' | 'after'>;
  #lastDialAt: number;

  constructor(clock: Pick<Clock, 'monotonic' | 'after'>) {
    this.#clock = clock;
    this.#lastDialAt = clock.monotonic();
  }

  /** Records that someone dialled the agent. */
  dialled(): void {
    this.#lastDialAt = this.#clock.monotonic();
  }

  /**
   * Begins the grace period.
   * @param isBehindService whether agents dial the Service, which may still send connections to this agent
   * @param over called when it is over
   */
  begin(isBehindService: boolean, over: () => void): void {
    const begunAt = this.#clock.monotonic();
    this.#lastDialAt = begunAt;
    const look = () => {
      const now = this.#clock.monotonic();
      const endsAt = isBehindService ? Math.min(this.#lastDialAt + quietMs, begunAt + maxMs) : begunAt + minMs;
      if (now >= endsAt) over();
      else this.#clock.after(endsAt - now, look);
    };
    look();
  }
}
