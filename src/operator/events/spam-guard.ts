import type { Clock } from '../../base/clock.ts';
import { TokenBucket } from '../../base/token-bucket.ts';

/** New Events about one object: 25 at once, and then one more in five minutes (client-go's figures). */
const rate = { perSecond: 1 / 300, burst: 25 };

/**
 * Of these, with one reason: 10 at once, and then one more in a minute (client-go aggregates similar Events after 10 in
 * 10 minutes). A fault that spreads over the nodes leaves room for Events of other reasons.
 */
const reasonRate = { perSecond: 1 / 60, burst: 10 };

/** Objects remembered. The one that was quiet longest makes room: it has most of its Events back. */
const maxObjects = 256;

/** What is left of one object's Events. Reasons are a closed set. */
interface Buckets {
  all: TokenBucket;
  byReason: Map<string, TokenBucket>;
}

/** Bounds the Events about any one object, whatever happens to it. */
export class SpamGuard {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** By the object's uid, the one that was quiet longest first. */
  readonly #objects = new Map<string, Buckets>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Whether one more Event about the object may be written; if so, it counts. @param uid the object's */
  admits(uid: string, reason: string): boolean {
    const buckets = this.#objects.get(uid) ?? { all: new TokenBucket(rate, this.#clock), byReason: new Map() };
    this.#objects.delete(uid);
    this.#objects.set(uid, buckets);
    const [quietest] = this.#objects.keys();
    if (this.#objects.size > maxObjects) this.#objects.delete(quietest!);
    const ofReason = buckets.byReason.get(reason) ?? new TokenBucket(reasonRate, this.#clock);
    buckets.byReason.set(reason, ofReason);
    if (!ofReason.allow()) return false;
    if (buckets.all.allow()) return true;
    ofReason.giveBack();
    return false;
  }
}
