import { type FailureReason, failureReasons } from '../../protocol/failure-reason.ts';
import type { SketchEntry } from '../../protocol/latency-sketch.ts';
import type { Outcomes } from './outcomes.ts';

/**
 * Outcomes by the position of their link in a list, in a string of one byte a character: six bytes where there was an attempt that succeeded. A
 * string, since a small one needs a third of the memory that a small array of bytes does.
 *
 * Each is: position; how many entries the sketch has, times 8, and a bit each for failures (4), retransmits (2) and losses (1); the entries;
 * how many failures there are, and these by the number of their reason; retransmits; losses. Numbers are in groups of 7 bits, the lowest first, each
 * but the last with the highest bit set (LEB128).
 */
export function packOutcomes(all: Iterable<readonly [position: number, outcomes: Outcomes]>): string {
  const writer = new Writer();
  for (const [position, { failures, retransmits, latencies, losses }] of all) {
    const failed = Object.entries(failures) as [FailureReason, number][];
    const flags = (failed.length > 0 ? 4 : 0) + (retransmits > 0 ? 2 : 0) + (losses ? 1 : 0);
    writer.number(position);
    writer.number(latencies.length * 8 + flags);
    for (const [index, count] of latencies) {
      writer.number(index);
      writer.number(count);
    }
    if (failed.length > 0) {
      writer.number(failed.length);
      for (const [reason, count] of failed) {
        writer.number(failureReasons.indexOf(reason));
        writer.number(count);
      }
    }
    if (retransmits > 0) writer.number(retransmits);
    if (losses) for (const count of [losses.forward, losses.return, losses.unknown]) writer.number(count);
  }
  return writer.text();
}

/** Reads what `packOutcomes` made. */
export function* unpackOutcomes(packed: string): Generator<[position: number, outcomes: Outcomes]> {
  const reader = new Reader(packed);
  while (!reader.ended) {
    const position = reader.number();
    const head = reader.number();
    let attempts = 0;
    const latencies: SketchEntry[] = [];
    for (let left = Math.floor(head / 8); left > 0; left--) {
      const entry: SketchEntry = [reader.number(), reader.number()];
      attempts += entry[1];
      latencies.push(entry);
    }
    const failures: Outcomes['failures'] = {};
    for (let left = head & 4 ? reader.number() : 0; left > 0; left--) {
      const reason = failureReasons[reader.number()]!;
      const count = reader.number();
      failures[reason] = count;
      attempts += count;
    }
    const retransmits = head & 2 ? reader.number() : 0;
    const outcomes: Outcomes = { attempts, failures, retransmits, latencies };
    if (head & 1) outcomes.losses = { forward: reader.number(), return: reader.number(), unknown: reader.number() };
    yield [position, outcomes];
  }
}

class Writer {
  #bytes = Buffer.allocUnsafe(512);
  #length = 0;

  number(value: number): void {
    if (this.#length + 8 > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes, Buffer.allocUnsafe(this.#length)]);
    let left = value;
    for (; left >= 0x80; left = Math.floor(left / 0x80)) this.#bytes[this.#length++] = (left % 0x80) + 0x80;
    this.#bytes[this.#length++] = left;
  }

  text(): string {
    return this.#bytes.toString('latin1', 0, this.#length);
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get ended(): boolean {
    return this.#at >= this.#text.length;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.#text.charCodeAt(this.#at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }
}
