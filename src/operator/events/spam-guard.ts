import type { Clock } from '../../base/clock.ts';
import { TokenBucket } from '../../base/token-bucket.ts';

/** New Events about one object: 25 at once, and then one more in five minutes (client-go's figures). */
const rate = { perSecond: 1 / 300, burst: 25 };

/** Objects remembered. The one that was quiet longest makes room: it has most of its Events back. */
const maxObjects = 256;

/** Bounds the Events about any one object, whatever happens to it: a token bucket each. */
export class SpamGuard {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** By the object's uid, the one that was quiet longest first. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Whether one more Event about the object may be told; if so, it counts. @param uid the object's */
  admits(uid: string): boolean {
    const bucket = this.#buckets.get(uid) ?? new TokenBucket(rate, this.#clock);
    this.#buckets.delete(uid);
    this.#buckets.set(uid, bucket);
    const [quietest] = this.#buckets.keys();
    if (this.#buckets.size > maxObjects) this.#buckets.delete(quietest!);
    return bucket.allow();
  }
}
