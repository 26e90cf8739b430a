import { readBounded } from './bounded-body.ts';

/** From so many bytes on a response is large. */
const largeBytes = 1024 * 1024;

/** Number of large responses that are read at a time: two, so that one that stalls does not hold up the others. */
const places = 2;

/**
 * Reads responses, of large ones only a few at a time: JSON takes several times its length in memory. The others wait
 * after their first megabyte, and the connection with them. Small ones never wait.
 */
export class LargeBodies {
  #free = places;
  readonly #waiting = new Set<() => void>();

  /**
   * @param use is called with the whole text while the place is taken
   * @param signal ends the wait for a place, with its reason
   * @throws ApiError TooLarge as soon as the body exceeds `maxBytes`
   */
  async read<T>(
    body: AsyncIterable<Buffer>,
    maxBytes: number,
    use: (text: string) => T,
    signal: AbortSignal,
  ): Promise<T> {
    let isInside = false;
    const enter = async () => {
      await this.#enter(signal);
      isInside = true;
    };
    try {
      return use(await readBounded(body, maxBytes, { bytes: largeBytes, reached: enter }));
    } finally {
      if (isInside) this.#leave();
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = () => {
      this.#waiting.delete(resolve);
      reject(signal.reason);
    };
    this.#waiting.add(resolve);
    signal.addEventListener('abort', giveUp, { once: true });
    await promise;
    signal.removeEventListener('abort', giveUp);
  }

  /** Hands the place on to whoever has waited longest. */
  #leave(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
