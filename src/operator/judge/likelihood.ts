import { type Scene, streamKinds } from './scene.ts';
import type { Scope } from './scopes.ts';
import type { BaseRates, Tally } from './tally.ts';

/** Severities that a fault may have: the share of attempts that it spoils. */
export const severities = [0.97, 0.5, 0.2, 0.08] as const;

/** A stream in the scope of a fault may be well: one of several paths or queues. */
const wellShare = 0.1;

/** Counts below this are looked up in tables. */
const tableWidth = 64;

/** A rate above this is not more evidence: what fails altogether is explained altogether. */
const mostRate = 0.999;

const nearlyAll = 0.95;

/** So much more than expected may be chance in a stream of which a fault affects a part, in nats. */
const chance = 4;

/**
 * How much better a fault explains the attempts at streams than what is known so far, in nats. The first bad attempt of
 * each stream counts for nothing: a stall of one interval makes one in each.
 */
export class Likelihood {
  readonly #kind: Uint8Array;
  readonly #bases: BaseRates;
  readonly #attempts: Uint16Array;
  /** Bad attempts without the first one. */
  readonly #bad: Uint16Array;
  /** Explained rates; 0 where nothing is explained. */
  readonly #explained: Float64Array;
  /** The most that a fault can explain of each stream: now, and where nothing is explained. */
  readonly #most: Float64Array;
  readonly #mostAtFirst: Float64Array;
  #isExplaining = false;
  readonly #tables: [Map<number, Float64Array>, Map<number, Float64Array>] = [new Map(), new Map()];
  /** More than this in one stream would pay for a suspect of its own. */
  readonly #linkCost: number;

  constructor(scene: Scene, tally: Tally, bases: BaseRates, linkCost: number) {
    this.#kind = scene.kind;
    this.#bases = bases;
    this.#linkCost = linkCost;
    this.#attempts = tally.attempts.slice();
    this.#bad = new Uint16Array(scene.size);
    this.#explained = new Float64Array(scene.size);
    this.#mostAtFirst = new Float64Array(scene.size);
    for (const at of tally.spoilt) {
      this.#bad[at] = tally.bad[at]! - 1;
      this.#attempts[at]!--;
      this.#mostAtFirst[at] = mostGain(this.#bad[at]!, this.#attempts[at]!, this.#baseOf(at));
    }
    this.#most = this.#mostAtFirst.slice();
  }

  /** Whether anything is explained. */
  get isExplaining(): boolean {
    return this.#isExplaining;
  }

  /** Forgets all explanations. */
  reset(): void {
    this.#isExplaining = false;
    this.#explained.fill(0);
    this.#most.set(this.#mostAtFirst);
  }

  /** The most that a fault can explain of a stream, in nats. */
  mostOf(at: number): number {
    return this.#most[at]!;
  }

  /** The most that a fault can explain of all streams in its scope, in nats. */
  mostOfAll({ positions }: Scope): number {
    let most = 0;
    for (let index = 0; index < positions.length; index++) most += this.#most[positions[index]!]!;
    return most;
  }

  /** The rate of bad attempts that is expected by what is explained so far. */
  rateOf(at: number): number {
    return this.#explained[at]! || this.#baseOf(at);
  }

  /** The gain by a fault of this severity. @returns also the gain from dials of peers alone */
  gainOf({ positions, shares }: Scope, severity: number): { gain: number; dials: number } {
    let gain = 0;
    let dials = 0;
    let share = -1;
    let tables: [Float64Array, Float64Array] | undefined;
    for (let index = 0; index < positions.length; index++) {
      const at = positions[index]!;
      const attempts = this.#attempts[at]!;
      if (attempts === 0) continue;
      if (shares[index] !== share) {
        share = shares[index]!;
        tables = [this.#table(0, severity * share), this.#table(1, severity * share)];
      }
      const bad = this.#bad[at]!;
      let value: number;
      if (this.#explained[at] === 0 && attempts < tableWidth) {
        const group = this.#groupOf(at);
        const table = tables![group];
        const entry = attempts * tableWidth + bad;
        value = table[entry]!;
        if (Number.isNaN(value)) {
          value = gain1(bad, attempts, this.#bases[group], severity * share);
          table[entry] = value;
        }
      } else value = gain1(bad, attempts, this.rateOf(at), severity * share);
      gain += value;
      if (this.#kind[at] === streamKinds.peer) dials += value;
    }
    return { gain, dials };
  }

  /**
   * A fault is accepted: what it explains of a stream is no further evidence, unless the stream is so much worse that
   * it would pay for a suspect of its own.
   */
  explain({ positions, shares }: Scope, severity: number): void {
    this.#isExplaining = true;
    for (let index = 0; index < positions.length; index++) {
      const at = positions[index]!;
      const attempts = this.#attempts[at]!;
      const bad = this.#bad[at]!;
      const expected = combined(this.rateOf(at), severity * shares[index]!);
      const own = attempts === 0 ? 0 : Math.min(mostRate, bad / attempts);
      const limit = shares[index]! < 1 ? chance : this.#linkCost;
      const isMore = own > expected && logRatio(bad, attempts, expected, own) <= limit;
      const rate = isMore ? own : expected;
      this.#explained[at] = rate > nearlyAll ? mostRate : rate;
      this.#most[at] = mostGain(bad, attempts, this.#explained[at]!);
    }
  }

  #baseOf(at: number): number {
    return this.#bases[this.#groupOf(at)];
  }

  #groupOf(at: number): 0 | 1 {
    return this.#kind[at]! >= streamKinds.server ? 1 : 0;
  }

  #table(group: 0 | 1, rate: number): Float64Array {
    let table = this.#tables[group].get(rate);
    if (!table) {
      table = new Float64Array(tableWidth * tableWidth).fill(Number.NaN);
      this.#tables[group].set(rate, table);
    }
    return table;
  }
}

/** The rate of bad attempts at a stream with this rate, by a fault that spoils this share of them. */
export function combined(rate: number, share: number): number {
  return 1 - (1 - rate) * (1 - share);
}

/** Logarithm of how much more likely a rate makes so many bad attempts than another one, in nats. */
export function logRatio(bad: number, attempts: number, before: number, after: number): number {
  return (bad === 0 ? 0 : bad * Math.log(after / before)) + (attempts - bad) * Math.log((1 - after) / (1 - before));
}

/** What the rate that fits best would explain. Faults only raise rates. */
function mostGain(bad: number, attempts: number, rate: number): number {
  return bad <= rate * attempts ? 0 : logRatio(bad, attempts, rate, Math.min(mostRate, bad / attempts));
}

function gain1(bad: number, attempts: number, rate: number, share: number): number {
  const ratio = logRatio(bad, attempts, rate, Math.min(mostRate, combined(rate, share)));
  // e^ratio may be beyond the largest double.
  if (ratio > 500) return ratio + Math.log(1 - wellShare);
  return Math.log((1 - wellShare) * Math.exp(ratio) + wellShare);
}
