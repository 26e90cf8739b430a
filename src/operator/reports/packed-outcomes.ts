import { type FailureReason, failureReasons } from '../../contract/failure-reason.ts';
import type { TargetReport } from '../../protocol/report.ts';

/**
 * The results of the attempts at a target. `attempts` also includes successful ones whose latencies were dropped: more
 * than there are in `latencies` and `failures`.
 */
export type Outcomes = Pick<TargetReport, 'attempts' | 'failures' | 'retransmits' | 'latencies' | 'losses'>;

/** Bits of the second number of an entry. */
const has = { losses: 1, retransmits: 2, failures: 4, withoutLatency: 8 } as const;
const flagBits = 4;

/**
 * Packs results by the position of their link into a string of one byte per character: four bytes for a successful
 * attempt. It is a string because a small one needs a third of the memory of a small array of bytes. Packed strings may
 * be concatenated.
 *
 * An entry is: position; the number of buckets times 16 plus the flags of what follows; bucket and count of each
 * bucket; number of successful attempts without latency; number of reasons, and reason and count of each; retransmits;
 * losses.
 * Numbers are in groups of 7 bits, the lowest first, each except the last with the highest bit set (LEB128).
 */
export function packOutcomes(all: Iterable<readonly [position: number, outcomes: Outcomes]>): string {
  const writer = new Writer();
  for (const [position, { attempts, failures, retransmits, latencies, losses }] of all) {
    const sum = newSum();
    sum.withoutLatency = attempts;
    for (const [index, count] of latencies) {
      sum.buckets.push(index, count);
      sum.withoutLatency -= count;
    }
    for (const [reason, count] of Object.entries(failures) as [FailureReason, number][]) {
      sum.failures.push(failureReasons.indexOf(reason), count);
      sum.withoutLatency -= count;
    }
    sum.retransmits = retransmits;
    if (losses) sum.losses = [losses.forward, losses.return, losses.unknown];
    write(writer, position, sum);
  }
  return writer.text();
}

/** Unpacks strings and adds up the results of each position. */
export function unpackSums(all: Iterable<string>): Map<number, Outcomes> {
  return new Map([...sumsOf(all)].map(([position, sum]) => [position, outcomesOf(sum)]));
}

/** Adds up the results of each position in a packed string. */
export function merged(packed: string): string {
  const writer = new Writer();
  for (const [position, sum] of sumsOf([packed])) write(writer, position, sum);
  return writer.text();
}

/**
 * As `merged`, and removes the latencies. The number of attempts stays the same.
 * @returns also the number of positions with latencies
 */
export function withoutLatencies(packed: string): { packed: string; sketches: number } {
  const writer = new Writer();
  let sketches = 0;
  for (const [position, sum] of sumsOf([packed])) {
    if (sum.buckets.length > 0) sketches++;
    for (let at = 1; at < sum.buckets.length; at += 2) sum.withoutLatency += sum.buckets[at]!;
    sum.buckets = [];
    write(writer, position, sum);
  }
  return { packed: writer.text(), sketches };
}

/** Adds the positions in a packed string to a set. Much cheaper than unpacking it. */
export function addPositions(positions: Set<number>, packed: string): void {
  const reader = new Reader(packed);
  while (!reader.ended) {
    positions.add(reader.number());
    const head = reader.number();
    reader.skip(2 * (head >> flagBits));
    if (head & has.withoutLatency) reader.skip(1);
    if (head & has.failures) reader.skip(2 * reader.number());
    if (head & has.retransmits) reader.skip(1);
    if (head & has.losses) reader.skip(3);
  }
}

/** `Outcomes` as it is packed: flat lists, because an array for each bucket would dominate the cost of adding up. */
interface Sum {
  /** Bucket, count, next bucket, and so on, by ascending bucket. */
  buckets: number[];
  withoutLatency: number;
  /** Number of the reason, count, next reason, and so on. */
  failures: number[];
  retransmits: number;
  /** Forward, return, unknown. */
  losses: [number, number, number] | undefined;
}

function newSum(): Sum {
  return { buckets: [], withoutLatency: 0, failures: [], retransmits: 0, losses: undefined };
}

function outcomesOf({ buckets, withoutLatency, failures, retransmits, losses }: Sum): Outcomes {
  const outcomes: Outcomes = { attempts: withoutLatency, failures: {}, retransmits, latencies: [] };
  for (let at = 0; at < buckets.length; at += 2) {
    outcomes.latencies.push([buckets[at]!, buckets[at + 1]!]);
    outcomes.attempts += buckets[at + 1]!;
  }
  for (let at = 0; at < failures.length; at += 2) {
    outcomes.failures[failureReasons[failures[at]!]!] = failures[at + 1]!;
    outcomes.attempts += failures[at + 1]!;
  }
  if (losses) outcomes.losses = { forward: losses[0], return: losses[1], unknown: losses[2] };
  return outcomes;
}

function write(writer: Writer, position: number, { buckets, withoutLatency, failures, retransmits, losses }: Sum) {
  writer.number(position);
  writer.number(
    ((buckets.length / 2) << flagBits) +
      (withoutLatency > 0 ? has.withoutLatency : 0) +
      (failures.length > 0 ? has.failures : 0) +
      (retransmits > 0 ? has.retransmits : 0) +
      (losses ? has.losses : 0),
  );
  for (const number of buckets) writer.number(number);
  if (withoutLatency > 0) writer.number(withoutLatency);
  if (failures.length > 0) writer.number(failures.length / 2);
  for (const number of failures) writer.number(number);
  if (retransmits > 0) writer.number(retransmits);
  for (const number of losses ?? []) writer.number(number);
}

function sumsOf(all: Iterable<string>): Map<number, Sum> {
  const sums = new Map<number, Sum>();
  for (const packed of all) {
    const reader = new Reader(packed);
    while (!reader.ended) {
      const position = reader.number();
      let sum = sums.get(position);
      if (!sum) {
        sum = newSum();
        sums.set(position, sum);
      }
      addNext(sum, reader);
    }
  }
  return sums;
}

function addNext(sum: Sum, reader: Reader): void {
  const head = reader.number();
  const buckets = head >> flagBits;
  if (buckets > 0) sum.buckets = withBuckets(sum.buckets, reader, buckets);
  if (head & has.withoutLatency) sum.withoutLatency += reader.number();
  if (head & has.failures) addFailures(sum.failures, reader);
  if (head & has.retransmits) sum.retransmits += reader.number();
  if (!(head & has.losses)) return;
  sum.losses ??= [0, 0, 0];
  for (const direction of sum.losses.keys()) sum.losses[direction]! += reader.number();
}

/** Both lists are ascending. */
function withBuckets(known: readonly number[], reader: Reader, buckets: number): number[] {
  const all: number[] = [];
  let at = 0;
  for (let left = buckets; left > 0; left--) {
    const index = reader.number();
    let count = reader.number();
    for (; at < known.length && known[at]! < index; at += 2) all.push(known[at]!, known[at + 1]!);
    if (known[at] === index) {
      count += known[at + 1]!;
      at += 2;
    }
    all.push(index, count);
  }
  for (; at < known.length; at += 2) all.push(known[at]!, known[at + 1]!);
  return all;
}

function addFailures(failures: number[], reader: Reader): void {
  for (let left = reader.number(); left > 0; left--) {
    const reason = reader.number();
    const count = reader.number();
    let at = 0;
    while (at < failures.length && failures[at] !== reason) at += 2;
    failures[at] = reason;
    failures[at + 1] = (failures[at + 1] ?? 0) + count;
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

  /** Passes over this many numbers. */
  skip(numbers: number): void {
    for (let left = numbers; left > 0; left--) while (this.#text.charCodeAt(this.#at++) >= 0x80);
  }
}
