import { type FailureReason, failureReasons } from '../../contract/failure-reason.ts';
import type { TargetReport } from '../../protocol/report.ts';

/** What became of the attempts at a target. */
export type Outcomes = Pick<TargetReport, 'attempts' | 'failures' | 'retransmits' | 'latencies' | 'losses'>;

/**
 * Outcomes by the position of their link in a list, in a string of one byte a character: six bytes where there was an
 * attempt that succeeded. A string, since a small one needs a third of the memory that a small array of bytes does.
 *
 * Each is: position; how many entries the sketch has, times 8, and a bit each for failures (4), retransmits (2) and
 * losses (1); the entries; how many failures there are, and these by the number of their reason; retransmits; losses.
 * Numbers are in groups of 7 bits, the lowest first, each but the last with the highest bit set (LEB128).
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

/** Adds up, position by position, what `packOutcomes` made. */
export function unpackSums(all: Iterable<string>): Map<number, Outcomes> {
  const sums = new Map<number, Outcomes>();
  for (const packed of all) {
    const reader = new Reader(packed);
    while (!reader.ended) {
      const position = reader.number();
      let sum = sums.get(position);
      if (!sum) {
        sum = { attempts: 0, failures: {}, retransmits: 0, latencies: [] };
        sums.set(position, sum);
      }
      addNext(sum, reader);
    }
  }
  return sums;
}

function addNext(sum: Outcomes, reader: Reader): void {
  const head = reader.number();
  addLatencies(sum, reader, Math.floor(head / 8));
  if (head & 4) addFailures(sum, reader);
  if (head & 2) sum.retransmits += reader.number();
  if (head & 1) addLosses(sum, reader);
}

/** Both sketches are ascending, so that each entry's place is behind that of the one before. */
function addLatencies(sum: Outcomes, reader: Reader, entries: number): void {
  const { latencies } = sum;
  let at = 0;
  for (let left = entries; left > 0; left--) {
    const index = reader.number();
    const count = reader.number();
    sum.attempts += count;
    while (at < latencies.length && latencies[at]![0] < index) at++;
    const same = latencies[at];
    if (same?.[0] === index) same[1] += count;
    else latencies.splice(at, 0, [index, count]);
  }
}

function addFailures(sum: Outcomes, reader: Reader): void {
  for (let left = reader.number(); left > 0; left--) {
    const reason = failureReasons[reader.number()]!;
    const count = reader.number();
    sum.attempts += count;
    sum.failures[reason] = (sum.failures[reason] ?? 0) + count;
  }
}

function addLosses(sum: Outcomes, reader: Reader): void {
  sum.losses ??= { forward: 0, return: 0, unknown: 0 };
  sum.losses.forward += reader.number();
  sum.losses.return += reader.number();
  sum.losses.unknown += reader.number();
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
