import { type FailureReason, failureReasons } from '../contract/failure-reason.ts';
import { integer, list, oneOf, readAs, refuse, text, within } from './document.ts';
import { maxSketchIndex, type SketchEntry } from './latency-sketch.ts';

/** Maximum number of targets per report. */
export const maxReportTargets = 1000;

/** Number of lost packets by direction: on the way to the peer, on the way back, or unknown. */
export interface ReportedLosses {
  forward: number;
  return: number;
  unknown: number;
}

/** Results of the attempts at one target since the previous report. Fields that do not apply are empty. */
export interface TargetReport {
  probe: 'dns' | 'network' | 'ntp';
  /** What is looked up, dialled or queried: the `host` label of its metrics, for `ntp` the `server` label. */
  host: string;
  /** Of `dns`. */
  server: string;
  protocol: string;
  /** Of `dns`. */
  type: string;
  /** Of the peer. */
  node: string;
  /** Of the peer. */
  zone: string;
  /** Number of attempts: the successful ones in `latencies` and the failed ones in `failures`. */
  attempts: number;
  failures: Partial<Record<FailureReason, number>>;
  retransmits: number;
  latencies: SketchEntry[];
  /** Only for probes that know the direction. */
  losses?: ReportedLosses;
}

/** Results since the last acknowledged report. It is sent again unchanged until it is acknowledged. */
export interface Report {
  /** Random ID of the agent process. */
  stream: string;
  /** 1 for the first report of a process; the next report after an acknowledgement has the next number. */
  sequence: number;
  /** Duration over which the attempts were made, in milliseconds. */
  spanMs: number;
  targets: TargetReport[];
}

/** More than any count since the last acknowledged report can be. */
const maxCount = 1_000_000_000;

/**
 * Encodes a report: arrays in which each string occurs once (docs/protocol.md).
 * @throws ProtocolError (`InvalidReport`) for an invalid report
 */
export function encodeReport(report: Report): unknown {
  const words = new Words();
  const targets = report.targets.map((target) => encodeTarget(target, words));
  const encoded = [report.stream, report.sequence, report.spanMs, words.list, targets];
  decodeReport(encoded);
  return encoded;
}

/**
 * Decodes the result of `encodeReport`. Ignores additional elements at the end of an array.
 * @throws ProtocolError (`InvalidReport`) if a part is missing or out of bounds
 */
export function decodeReport(value: unknown): Report {
  return readAs('InvalidReport', () => {
    const [stream, sequence, spanMs, words, targets] = array(value, 'the document');
    const known = ['', ...list(words, 'words', maxWords, (word, path) => text(word, path, 260))];
    return {
      stream: text(stream, 'stream', 64),
      sequence: integer(sequence, 'sequence', 1, Number.MAX_SAFE_INTEGER),
      spanMs: integer(spanMs, 'spanMs', 0, Number.MAX_SAFE_INTEGER),
      targets: list(targets, 'targets', maxReportTargets, (target, path) =>
        within(path, () => decodeTarget(target, known)),
      ),
    };
  });
}

/** Six strings per target, and all reasons. */
const maxWords = 6 * maxReportTargets + failureReasons.length;

/** Assigns numbers from 1 to the strings of a report; 0 is the empty string. */
class Words {
  readonly list: string[] = [];
  readonly #numbers = new Map([['', 0]]);

  number(word: string): number {
    const known = this.#numbers.get(word);
    if (known !== undefined) return known;
    const number = this.list.push(word);
    this.#numbers.set(word, number);
    return number;
  }
}

function encodeTarget(target: TargetReport, words: Words): unknown[] {
  const { probe, protocol, type, host, server, node, zone, attempts, latencies, failures, retransmits, losses } =
    target;
  const failed = Object.entries(failures).filter(([, count]) => count > 0);
  const total = sum(latencies.map(([, count]) => count)) + sum(failed.map(([, count]) => count));
  const encoded: unknown[] = [
    ...[probe, protocol, type, host, server, node, zone].map((word) => words.number(word)),
    latencies.flatMap(([index, count]) => (count === 1 ? [index] : [index, -count])),
    failed.flatMap(([reason, count]) => [words.number(reason), count]),
    retransmits,
    losses ? [losses.forward, losses.return, losses.unknown] : [],
  ];
  readAs('InvalidReport', () => {
    if (attempts !== total)
      refuse(`attempts must equal the number of latencies and failures, ${total}, got ${attempts}`);
  });
  while (isEmpty(encoded.at(-1))) encoded.pop();
  return encoded;
}

/** Empty elements at the end of a target are left out. */
function isEmpty(part: unknown): boolean {
  return part === 0 || (Array.isArray(part) && part.length === 0);
}

function decodeTarget(value: unknown, words: readonly string[]): TargetReport {
  const parts = array(value, 'the document');
  const wordAt = (index: number, path: string) => word(parts[index] ?? 0, path, words);
  const latencies = decodeLatencies(parts[7] ?? []);
  const failures = decodeFailures(parts[8] ?? [], words);
  const losses = decodeLosses(parts[10] ?? []);
  return {
    probe: probe(wordAt(0, 'probe'), 'probe'),
    protocol: wordAt(1, 'protocol'),
    type: wordAt(2, 'type'),
    host: text(wordAt(3, 'host'), 'host', 260),
    server: wordAt(4, 'server'),
    node: wordAt(5, 'node'),
    zone: wordAt(6, 'zone'),
    attempts: latencies.reduce((total, [, count]) => total + count, 0) + sum(Object.values(failures)),
    failures,
    retransmits: integer(parts[9] ?? 0, 'retransmits', 0, maxCount),
    latencies,
    ...(losses && { losses }),
  };
}

const probe = oneOf(['dns', 'network', 'ntp']);

function word(value: unknown, path: string, words: readonly string[]): string {
  return words[integer(value, path, 0, words.length - 1)]!;
}

/** Bucket numbers in ascending order, each followed by its negated count if that is not 1. */
function decodeLatencies(value: unknown): SketchEntry[] {
  const entries: SketchEntry[] = [];
  for (const number of list(value, 'latencies', 2 * (maxSketchIndex + 1), count)) {
    const last = entries.at(-1);
    if (number < 0) {
      if (last?.[1] !== 1 || number === -1) refuse('latencies must have a count only after its bucket');
      last![1] = -number;
    } else {
      if (number > maxSketchIndex || (last && number <= last[0]))
        refuse(`latencies must name buckets from 0 to ${maxSketchIndex} in ascending order`);
      entries.push([number, 1]);
    }
  }
  return entries;
}

function count(value: unknown, path: string): number {
  return integer(value, path, -maxCount, maxCount);
}

/** Reasons, each followed by its count. */
function decodeFailures(value: unknown, words: readonly string[]): Partial<Record<FailureReason, number>> {
  const numbers = list(value, 'failures', 2 * failureReasons.length, (number) => number);
  const failures: Partial<Record<FailureReason, number>> = {};
  for (let at = 0; at < numbers.length; at += 2) {
    const path = `failures[${at}]`;
    const reason = oneOf(failureReasons)(word(numbers[at], path, words), path);
    if (failures[reason] !== undefined) refuse(`${path} must not repeat ${reason}`);
    failures[reason] = integer(numbers[at + 1], `failures[${at + 1}]`, 1, maxCount);
  }
  return failures;
}

function decodeLosses(value: unknown): ReportedLosses | undefined {
  const numbers = list(value, 'losses', 16, (number, path) => integer(number, path, 0, maxCount));
  if (numbers.length === 0) return undefined;
  if (numbers.length < 3) refuse('losses must have three counts: forward, return, unknown');
  const [forward, back, unknown] = numbers as [number, number, number];
  return { forward, return: back, unknown };
}

function array(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) refuse(`${path} must be a list`);
  return value as unknown[];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
