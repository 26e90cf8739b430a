import type { Acknowledgement } from '../../protocol/sync.ts';

/**
 * An agent's process may end and start again while a request of the one before is still under way, and that a few times
 * in a row.
 */
const rememberedStreams = 4;

/**
 * Which reports of an agent have been counted. A stream's next report is not made before the last is acknowledged, so
 * that of each stream its highest sequence tells.
 */
export class CountedSequences {
  /** The highest of each stream, the stream last heard of at the end. */
  readonly #streams = new Map<string, number>();

  /** Whether a report is to be counted now; from then on it has been. */
  count({ stream, sequence }: Acknowledgement): boolean {
    const counted = this.#streams.get(stream) ?? 0;
    this.#streams.delete(stream);
    this.#streams.set(stream, Math.max(counted, sequence));
    if (this.#streams.size > rememberedStreams) this.#streams.delete(this.#streams.keys().next().value!);
    return sequence > counted;
  }
}
