import { createHash } from 'node:crypto';
import type { JudgedFleet, JudgedPart } from './judged-fleet.ts';

/** A figure is another one when it has been off by more than this factor for two windows. */
const noticeableFactor = 2;

/** For so many windows a figure has to be off, and words have to be others again, before that is shown. */
const lastingWindows = 2;

/**
 * What users see of the judgements of one fleet. It changes with the verdict and with counts of what is probed, but not
 * with the numbers of each judgement, because every change is a write of the status: a latency that has moved is shown
 * when that has lasted for two windows, which a single slow probe does not. A suspect at the border between two
 * reasons would change as often as it is judged: words that were shown a short time ago also have to last.
 */
export class ShownJudgement {
  #shown: JudgedFleet | undefined;
  #fingerprint = '';
  /** What is said of the suspects. */
  #words = '';
  /** When words that were shown before were found last, in monotonic milliseconds; only of the last windows. */
  readonly #formerWords = new Map<string, number>();
  /** Since when the words have been others than those that are shown, in monotonic milliseconds. */
  #otherWordsSince: number | undefined;
  /** Since when a figure has been off, in monotonic milliseconds. */
  #movedSince: number | undefined;

  /** Undefined before the first judgement. */
  get current(): JudgedFleet | undefined {
    return this.#shown;
  }

  /**
   * Takes in a judgement.
   * @param now monotonic milliseconds
   * @returns whether something else is shown now
   */
  update(judged: JudgedFleet, now: number): boolean {
    const fingerprint = fingerprintOf(judged);
    const words = wordsOf(judged);
    const isSame = this.#shown && fingerprint === this.#fingerprint && !this.#hasOtherWords(words, judged, now);
    if (isSame && !this.#hasMoved(this.#shown!, judged, now)) return false;
    if (words !== this.#words) this.#formerWords.set(this.#words, now);
    this.#shown = judged;
    this.#fingerprint = fingerprint;
    this.#words = words;
    this.#otherWordsSince = this.#movedSince = undefined;
    return true;
  }

  #hasOtherWords(words: string, { windowMs }: JudgedFleet, now: number): boolean {
    if (words === this.#words) {
      this.#otherWordsSince = undefined;
      return false;
    }
    const lastingMs = lastingWindows * windowMs;
    for (const [former, seenAt] of this.#formerWords) if (now - seenAt >= lastingMs) this.#formerWords.delete(former);
    this.#otherWordsSince ??= now;
    if (!this.#formerWords.has(words)) return true;
    this.#formerWords.set(words, now);
    return now - this.#otherWordsSince >= lastingMs;
  }

  #hasMoved(shown: JudgedFleet, judged: JudgedFleet, now: number): boolean {
    const before = figuresOf(shown);
    const pairs = figuresOf(judged).map((figure, index) => [before[index], figure] as const);
    if (pairs.some(([a, b]) => (a === undefined) !== (b === undefined))) return true;
    if (!pairs.some(([a = 0, b = 0]) => Math.max(a, b) > noticeableFactor * Math.min(a, b))) {
      this.#movedSince = undefined;
      return false;
    }
    this.#movedSince ??= now;
    return now - this.#movedSince >= lastingWindows * judged.windowMs;
  }
}

/**
 * A digest of what is said of the suspects, in any order, without numbers that change with each judgement. There can be
 * thousands of suspects, and many digests are remembered.
 */
function wordsOf({ verdict }: JudgedFleet): string {
  const words = verdict.suspects.map(({ evidence, ...suspect }) => JSON.stringify([suspect, withoutNumbers(evidence)]));
  return createHash('sha256').update(JSON.stringify(words.sort())).digest('base64');
}

/** Everything else that is shown except numbers that change with each judgement, as text. */
function fingerprintOf({ generation, windowMs, verdict, dns, network }: JudgedFleet): string {
  const { suspects, isWarming, agents, reporting } = verdict;
  const isBlind = reporting * 2 < agents;
  return JSON.stringify([
    ...[generation, windowMs, isWarming, isBlind && [agents, reporting]],
    suspects.map(({ kind, name, since }) => JSON.stringify([kind, name, since])).sort(),
    ...[dns.unknown, dns.servers, dns.hosts],
    ...[network.unknown, linksOf(network)],
  ]);
}

/** Number of links of a fleet. */
export function linksOf({ links }: JudgedFleet['network']): number {
  return Object.values(links).reduce((sum, count) => sum + count, 0);
}

/** Numbers of their own, but not those within names such as `node-7`. */
function withoutNumbers(evidence: string): string {
  return evidence.replaceAll(/(?<![\w.-])\d[\d.,]*(?![\w-])/g, '#');
}

function figuresOf({ verdict, dns, network }: JudgedFleet): (number | undefined)[] {
  const latencies = [dns, network].flatMap(({ p50, p99 }: JudgedPart) => [p50, p99]);
  // Without a suspect a few lost probes are nothing to show.
  return [...latencies, verdict.suspects.length > 0 ? network.links.failing : 0];
}
