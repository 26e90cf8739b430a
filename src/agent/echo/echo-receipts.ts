import { randomInt } from 'node:crypto';
import { type EchoReceipt, type EchoRequest, maxEchoSequence } from './echo-message.ts';

/** Maximum number of probers. Each agent is probed by about as many agents as it probes, at most a few hundred. */
const defaultCapacity = 1024;

interface ProberState extends EchoReceipt {
  turn: bigint;
  /** Sequence numbers received in this turn, as a bit mask. */
  sequences: number;
}

/**
 * Counts the requests of each prober. A duplicated request counts once. A request that arrives after a later turn has
 * begun does not count, because the prober counts it as lost, too. If there are too many probers, the least recently
 * seen one is removed; a new counting number shows that it was.
 */
export class EchoReceipts {
  /** Ordered by last request. */
  readonly #known = new Map<string, ProberState>();
  readonly #capacity: number;
  readonly #random: () => number;

  /** @param random returns an integer from 0 to 2³² − 1 */
  constructor(capacity = defaultCapacity, random = () => randomInt(2 ** 32)) {
    this.#capacity = capacity;
    this.#random = random;
  }

  /** Number of known probers. */
  get size(): number {
    return this.#known.size;
  }

  /** Counts a request. @returns the receipt of its prober */
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
