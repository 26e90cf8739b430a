import { randomInt } from 'node:crypto';
import { type EchoReceipt, type EchoRequest, maxEchoSequence } from './echo-message.ts';

/** How many probers are known at once. Each agent is probed by about as many as it probes, at most a few hundred. */
const defaultCapacity = 1024;

interface ProberState extends EchoReceipt {
  turn: bigint;
  /** The sequences that have come of this turn, a bit each. */
  sequences: number;
}

/**
 * How many requests have come from each prober. A request that the network doubled counts once; one that comes after a later turn has
 * begun counts as not come, as it does for the prober. When there are more probers than fit, the one that was silent longest is forgotten, and
 * is counted anew, visibly, when it comes again.
 */
export class EchoReceipts {
  /** In the order of their last requests. */
  readonly #known = new Map<string, ProberState>();
  readonly #capacity: number;
  readonly #random: () => number;

  /** @param random draws a whole number from 0 to 2³² − 1 */
  constructor(capacity = defaultCapacity, random = () => randomInt(2 ** 32)) {
    this.#capacity = capacity;
    this.#random = random;
  }

  /** How many probers are known. */
  get size(): number {
    return this.#known.size;
  }

  /** Counts a request. @returns what is known of its prober now */
  count({ prober, turn, sequence }: EchoRequest): EchoReceipt {
    const key = Buffer.from(prober).toString('latin1');
    const known = this.#known.get(key) ?? { counting: this.#random(), received: 0, turn, sequences: 0 };
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size > this.#capacity) this.#known.delete(this.#known.keys().next().value!);
    if (turn > known.turn) Object.assign(known, { turn, sequences: 0 });
    const bit = 1 << (sequence & maxEchoSequence);
    if (turn === known.turn && (known.sequences & bit) === 0) {
      known.sequences |= bit;
      known.received = (known.received + 1) >>> 0;
    }
    return { counting: known.counting, received: known.received };
  }
}
