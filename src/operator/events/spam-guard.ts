/** New Events about one object that may come at once, and how often one more may follow (client-go's figures). */
const burst = 25;
const refillMs = 5 * 60_000;

/** Objects remembered. The one that was quiet longest makes room: it has most of its Events back. */
const maxObjects = 256;

/** Bounds the Events about any one object, whatever happens to it: a token bucket each. */
export class SpamGuard {
  /** What is left is kept as the time in which it refills: whole numbers add up without loss. */
  readonly #buckets = new Map<string, { leftMs: number; atMs: number }>();

  /**
   * Whether one more Event about the object may be told; if so, it counts.
   * @param uid the object's
   * @param now milliseconds since the epoch
   */
  admits(uid: string, now: number): boolean {
    const { leftMs, atMs } = this.#buckets.get(uid) ?? { leftMs: burst * refillMs, atMs: now };
    const refilled = Math.min(burst * refillMs, leftMs + Math.max(0, now - atMs));
    const admitted = refilled >= refillMs;
    this.#buckets.delete(uid);
    this.#buckets.set(uid, { leftMs: admitted ? refilled - refillMs : refilled, atMs: now });
    const [quietest] = this.#buckets.keys();
    if (this.#buckets.size > maxObjects) this.#buckets.delete(quietest!);
    return admitted;
  }
}
