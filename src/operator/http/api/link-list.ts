import { type LinkState, linkStates } from '../../../contract/suspects.ts';
import { type LatencyCounts, latenciesOf } from './latency-counts.ts';
import type { OutcomeSums } from './outcome-sums.ts';

/** One link of a list; nodes are indexes. */
export interface ListedLink {
  from: number;
  to: number;
  state: LinkState;
  attempts: number;
  bad: number;
  slow: number;
  p50?: number;
  p99?: number;
}

/** All links of a fleet, sorted by `from`, in 20 bytes each: there can be a quarter of a million. */
export class LinkList {
  /** Where the links of each node begin, and where those of the last one end. */
  readonly #starts: Uint32Array;
  readonly #to: Uint32Array;
  readonly #state: Uint8Array;
  readonly #counts: Uint16Array;
  readonly #latencies: Float32Array;
  #size = 0;

  /** @param capacity number of links */
  constructor(nodes: number, capacity: number) {
    this.#starts = new Uint32Array(nodes + 1);
    this.#to = new Uint32Array(capacity);
    this.#state = new Uint8Array(capacity);
    this.#counts = new Uint16Array(3 * capacity);
    this.#latencies = new Float32Array(2 * capacity);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a link of the node that `end` has not been called for yet. */
  add(to: number, state: LinkState, sums: OutcomeSums, latencies: LatencyCounts): void {
    const at = this.#size++;
    this.#to[at] = to;
    this.#state[at] = linkStates.indexOf(state);
    this.#counts[3 * at] = sums.attempts;
    this.#counts[3 * at + 1] = sums.bad;
    this.#counts[3 * at + 2] = sums.slow;
    this.#latencies[2 * at] = latencies.quantile(0.5);
    this.#latencies[2 * at + 1] = latencies.quantile(0.99);
  }

  /** The links of a node are complete. To be called for each, by ascending index. */
  end(node: number): void {
    this.#starts[node + 1] = this.#size;
  }

  /**
   * The links from a node on, in order.
   * @param only those in this state, and those from or to this node
   */
  *from(first: number, only: { state?: LinkState; node?: number } = {}): Generator<ListedLink> {
    const { state, node } = only;
    const wanted = state === undefined ? -1 : linkStates.indexOf(state);
    for (let from = first; from + 1 < this.#starts.length; from++)
      for (let at = this.#starts[from]!; at < this.#starts[from + 1]!; at++)
        if (
          (wanted < 0 || this.#state[at] === wanted) &&
          (node === undefined || from === node || this.#to[at] === node)
        )
          yield this.#at(from, at);
  }

  #at(from: number, at: number): ListedLink {
    const [attempts, bad, slow] = this.#counts.subarray(3 * at, 3 * at + 3);
    const [p50, p99] = this.#latencies.subarray(2 * at, 2 * at + 2);
    const counts = { attempts: attempts!, bad: bad!, slow: slow! };
    return { from, to: this.#to[at]!, state: linkStates[this.#state[at]!]!, ...counts, ...latenciesOf(p50, p99) };
  }
}
