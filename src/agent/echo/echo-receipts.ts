import { randomInt } from 'node:crypto';
import { type EchoReceipt, type EchoRequest, maxEchoSequence } from './echo-message.ts';

interface ProberState extends EchoReceipt {
  turn: number;
  /** Sequence numbers received in this turn, as a bit mask. */
  sequences: number;
}

/**
 * Counts the requests of each prober. A duplicated request counts once. A request that arrives after a later turn has
 * begun does not count, because the prober counts it as lost, too. A prober that was forgotten gets a new counting
 * number, which shows that it was.
 */
export class EchoReceipts {
  /** Ordered by last request. */
  readonly #known = new Map<string, ProberState>();
  readonly #random: () => number;

  /** @param random returns an integer from 0 to 2³² − 1 */
  constructor(random = () => randomInt(2 ** 32)) {
    this.#random = random;
  }

  /** Number of known probers. */
  get size(): number {
    return this.#known.size;
  }

  /** Counts a request. @returns the receipt of its prober */
  count(request: EchoRequest): EchoReceipt {
    return this.countKnown(request) ?? this.#begin(request);
  }

  /** Counts a request of a prober that is known already. @returns undefined if it is not */
  countKnown({ prober, turn, sequence }: EchoRequest): EchoReceipt | undefined {
    const key = keyOf(prober);
    const known = this.#known.get(key);
    if (!known) return undefined;
    if (this.#known.size > 1) {
      this.#known.delete(key);
      this.#known.set(key, known);
    }
    if (turn > known.turn) {
      known.turn = turn;
      known.sequences = 0;
    }
    const bit = 1 << (sequence & maxEchoSequence);
    if (turn === known.turn && (known.sequences & bit) === 0) {
      known.sequences |= bit;
      known.received = (known.received + 1) >>> 0;
    }
    return { counting: known.counting, received: known.received };
  }

  /** Forgets the prober that has not sent for the longest time. */
  forgetOldest(): void {
    for (const key of this.#known.keys()) {
      this.#known.delete(key);
      return;
    }
  }

  #begin({ prober, turn, sequence }: EchoRequest): EchoReceipt {
    const counting = this.#random();
    this.#known.set(keyOf(prober), { counting, received: 1, turn, sequences: 1 << (sequence & maxEchoSequence) });
    return { counting, received: 1 };
  }
}

function keyOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1');
}
