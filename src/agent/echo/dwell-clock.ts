import { type ClockReading, wasSet } from '../kernel/realtime.ts';

/**
 * How long dwells stay unknown after CLOCK_REALTIME was set, in nanoseconds: longer than a dwell that fits into an
 * answer, because datagrams that were received before may still wait.
 */
const distrustNs = 5_000_000_000n;

/**
 * Measures how long datagrams waited between the kernel, which stamps them by CLOCK_REALTIME, and now. A clock that is
 * set in between makes the dwell unknown, never wrong.
 */
export class DwellClock {
  readonly #read: () => ClockReading;
  #last: ClockReading;
  #distrustedUntil: bigint | undefined;

  /** @param read reads both clocks now */
  constructor(read: () => ClockReading) {
    this.#read = read;
    this.#last = read();
  }

  /**
   * @param receivedAt by the kernel, in nanoseconds of CLOCK_REALTIME; later than the construction of this object
   * @returns nanoseconds; undefined if unknown
   */
  since(receivedAt: bigint | undefined): number | undefined {
    const reading = this.#read();
    if (wasSet(this.#last, reading)) this.#distrustedUntil = reading.after + distrustNs;
    this.#last = reading;
    if (receivedAt === undefined) return undefined;
    if (this.#distrustedUntil !== undefined && reading.before < this.#distrustedUntil) return undefined;
    const dwell = Number(reading.realtime - receivedAt);
    return dwell >= 0 ? dwell : undefined;
  }
}
