import type { Clock } from '../base/clock.ts';
import { type Rate, TokenBucket } from '../base/token-bucket.ts';

interface Client {
  bucket: TokenBucket;
  /** Time of the last request, in milliseconds of the monotonic clock. */
  at: number;
}

/** Limits the rate of each client's requests, whatever number of connections it uses. Keeps only recent clients. */
export class ClientRates {
  readonly #rate: Rate;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #maxClients: number;
  /** Time in which a bucket fills up, so that it need not be kept, in milliseconds. */
  readonly #fullAfterMs: number;
  /** The most recent client last. */
  readonly #clients = new Map<string, Client>();

  /** @param maxClients clients that are kept; the one that has been silent longest makes room */
  constructor(rate: Rate, clock: Pick<Clock, 'monotonic'>, maxClients = Number.POSITIVE_INFINITY) {
    this.#rate = rate;
    this.#clock = clock;
    this.#maxClients = maxClients;
    this.#fullAfterMs = (rate.burst / rate.perSecond) * 1000;
  }

  /** Number of clients that are kept. */
  get size(): number {
    return this.#clients.size;
  }

  /** @returns whether the client may send a request now */
  allow(name: string): boolean {
    const at = this.#clock.monotonic();
    const bucket = this.#clients.get(name)?.bucket ?? new TokenBucket(this.#rate, this.#clock);
    this.#clients.delete(name);
    for (const [other, client] of this.#clients) {
      if (at - client.at < this.#fullAfterMs && this.#clients.size < this.#maxClients) break;
      this.#clients.delete(other);
    }
    this.#clients.set(name, { bucket, at });
    return bucket.allow();
  }
}
