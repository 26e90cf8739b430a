import { horizonsOf, type JudgeOptions } from './fleet-facts.ts';
import type { Observations } from './observations.ts';
import { type Scene, streamKinds } from './scene.ts';
import { type Counter, type HorizonName, slotsPerWindow } from './stream-counts.ts';

/**
 * What is judged, each by itself: `bad` attempts failed or needed a retransmit; `answered` lookups were answered with
 * an error, so that they speak about the name and the server only; `slow` attempts succeeded above the threshold.
 */
export const channels = ['bad', 'answered', 'slow'] as const;

export type Channel = (typeof channels)[number];

/** Counters of bad attempts by channel, and of attempts that do not count in it. */
interface ChannelCounters {
  bad: readonly Counter[];
  leftOut: readonly Counter[];
}

const channelCounters: Record<Channel, ChannelCounters> = {
  bad: { bad: ['failed', 'retransmitted', 'refused'], leftOut: [] },
  answered: { bad: ['answered'], leftOut: [] },
  slow: { bad: ['slow'], leftOut: ['failed', 'answered', 'refused', 'retransmitted'] },
};

/** A peer that refuses is reached. */
const ofPeers: ChannelCounters = { bad: ['failed', 'retransmitted'], leftOut: [] };

/** What counts of a stream of this kind. */
function countersOf(channel: Channel, kind: number): ChannelCounters {
  return channel === 'bad' && kind === streamKinds.peer ? ofPeers : channelCounters[channel];
}

/** Whether a channel has bad attempts in the window. */
export function hasBad(channel: Channel, { counts }: Observations): boolean {
  return channelCounters[channel].bad.some((counter) => counts.has(counter));
}

/** Attempts and bad ones of one channel and one horizon, by position in the scene. */
export interface Tally {
  channel: Channel;
  horizon: HorizonName;
  attempts: Uint16Array;
  bad: Uint16Array;
  /** Positions with bad attempts. */
  spoilt: Int32Array;
}

/** What is counted of one channel, by period and by slot. Tallies are made when they are needed first. */
export class Tallies {
  readonly scene: Scene;
  readonly channel: Channel;
  readonly #observations: Observations;
  readonly #options: JudgeOptions;
  readonly #made = new Map<HorizonName, Tally>();

  constructor(scene: Scene, observations: Observations, options: JudgeOptions, channel: Channel) {
    this.scene = scene;
    this.channel = channel;
    this.#observations = observations;
    this.#options = options;
  }

  of(horizon: HorizonName): Tally {
    let tally = this.#made.get(horizon);
    if (!tally) {
      tally = tallyOf(this.scene, this.#observations, this.#options, [this.channel, horizon]);
      this.#made.set(horizon, tally);
    }
    return tally;
  }

  /** Attempts of one stream in one slot, and bad ones among them. @param age 0 for the current slot */
  inSlot(at: number, age: number): { attempts: number; bad: number } {
    const { counts } = this.#observations;
    const stream = this.scene.stream[at]!;
    const sum = (counters: readonly Counter[]) =>
      counters.reduce((all, counter) => all + counts.slot(counter, age)[stream]!, 0);
    const { bad, leftOut } = countersOf(this.channel, this.scene.kind[at]!);
    return { attempts: counts.slot('attempts', age)[stream]! - sum(leftOut), bad: sum(bad) };
  }

  /** Whether the latest attempts of a stream that are known were all bad. */
  endsBad(at: number): boolean {
    for (let age = 0; age < slotsPerWindow; age++) {
      const { attempts, bad } = this.inSlot(at, age);
      if (attempts > 0) return bad >= attempts;
    }
    return false;
  }
}

/** A report may arrive so many holds after the attempts that it contains. */
const lateHolds = 2;

/**
 * Reads the sums of all streams. A stream has at most as many attempts as fit into the horizon, whatever its agent
 * says, so that no agent has more weight than another.
 */
function tallyOf(
  scene: Scene,
  { counts }: Observations,
  options: JudgeOptions,
  [channel, horizon]: readonly [Channel, HorizonName],
): Tally {
  const attempts = new Uint16Array(scene.size);
  const bad = new Uint16Array(scene.size);
  addSums(attempts, scene.stream, counts.sums('attempts', horizon));
  const { bad: spoiling, leftOut } = channelCounters[channel];
  for (const counter of spoiling) {
    if (!counts.has(counter)) continue;
    const sums = counts.sums(counter, horizon);
    if (counter === 'refused') addSumsBeyondPeers(bad, scene, sums);
    else addSums(bad, scene.stream, sums);
  }
  for (const counter of leftOut) {
    if (!counts.has(counter)) continue;
    const sums = counts.sums(counter, horizon);
    subtractSums(attempts, scene.stream, sums);
    // Where packets are lost, others are late: they are resent.
    subtractSums(bad, scene.stream, sums);
  }
  const spoilt = bounded(scene.kind, attempts, bad, mostAttempts(options, horizon));
  return { channel, horizon, attempts, bad, spoilt };
}

function addSums(to: Uint16Array, stream: Int32Array, sums: Uint16Array): void {
  for (let at = 0; at < to.length; at++) to[at]! += sums[stream[at]!]!;
}

function addSumsBeyondPeers(to: Uint16Array, { stream, kind }: Scene, sums: Uint16Array): void {
  for (let at = 0; at < to.length; at++) if (kind[at] !== streamKinds.peer) to[at]! += sums[stream[at]!]!;
}

function subtractSums(from: Uint16Array, stream: Int32Array, sums: Uint16Array): void {
  // A count that was cut is less than its parts.
  for (let at = 0; at < from.length; at++) from[at] = Math.max(0, from[at]! - sums[stream[at]!]!);
}

/** Bounds attempts, and bad ones in proportion. @returns positions with bad ones */
function bounded(
  kind: Uint8Array,
  attempts: Uint16Array,
  bad: Uint16Array,
  [dials, lookups]: readonly [number, number],
): Int32Array {
  const spoilt: number[] = [];
  for (let at = 0; at < attempts.length; at++) {
    const limit = kind[at]! >= streamKinds.server ? lookups : dials;
    if (attempts[at]! > limit) {
      bad[at] = Math.round((bad[at]! * limit) / attempts[at]!);
      attempts[at] = limit;
    }
    if (bad[at] === 0) continue;
    if (bad[at]! > attempts[at]!) bad[at] = attempts[at]!;
    if (bad[at]! > 0) spoilt.push(at);
  }
  return Int32Array.from(spoilt);
}

function mostAttempts(options: JudgeOptions, horizon: HorizonName): [dials: number, lookups: number] {
  const { networkIntervalMs, dnsIntervalMs, holdMs } = options;
  const length = horizonsOf(options)[horizon] + lateHolds * holdMs;
  const most = (interval: number) => Math.ceil(length / interval) + 1;
  return [most(networkIntervalMs), most(dnsIntervalMs)];
}

/** The rate of bad attempts of healthy streams: of dials, and of lookups. */
export type BaseRates = readonly [dials: number, lookups: number];

/** Streams that are this bad are not healthy. */
const healthyShare = 0.2;
const margin = 1.2;
const leastRate = 0.002;
const mostRate = 0.03;

/** Whether a stream is as good as well: one bad attempt may be chance. */
export function isHealthy(attempts: number, bad: number): boolean {
  return bad <= 1 || bad <= healthyShare * attempts;
}

/** Rates of the fleet's healthy streams. */
export function baseRatesOf({ kind }: Scene, { attempts, bad }: Tally): BaseRates {
  const allAttempts = [0, 0];
  const allBad = [0, 0];
  for (let at = 0; at < attempts.length; at++) {
    const count = bad[at]!;
    if (!isHealthy(attempts[at]!, count)) continue;
    const group = kind[at]! >= streamKinds.server ? 1 : 0;
    allAttempts[group]! += attempts[at]!;
    allBad[group]! += count;
  }
  const rate = (group: 0 | 1) =>
    Math.min(mostRate, Math.max(leastRate, (margin * allBad[group]!) / Math.max(1, allAttempts[group]!)));
  return [rate(0), rate(1)];
}
