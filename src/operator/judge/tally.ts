import { type Horizons, horizonsOf, type JudgeOptions } from './fleet-facts.ts';
import type { Observations } from './observations.ts';
import { type Scene, streamKinds } from './scene.ts';
import { type HorizonName, horizonNames } from './stream-counts.ts';

/**
 * What is judged, each by itself: `bad` attempts failed or needed a retransmit; `answered` lookups were answered with
 * an error, so that they speak about the name and the server only; `slow` attempts succeeded above the threshold.
 */
export const channels = ['bad', 'answered', 'slow'] as const;

export type Channel = (typeof channels)[number];

/** Attempts and bad ones of one channel and one horizon, by position in the scene. */
export interface Tally {
  channel: Channel;
  horizon: HorizonName;
  attempts: Uint16Array;
  bad: Uint16Array;
  /** Positions with bad attempts. */
  spoilt: number[];
}

/** A report may arrive so many holds after the attempts that it contains. */
const lateHolds = 2;

/**
 * Reads the sums of all streams. A stream has at most as many attempts as fit into the horizon, whatever its agent
 * says, so that no agent has more weight than another.
 */
export function tallyOf(
  scene: Scene,
  observations: Observations,
  options: JudgeOptions,
  [channel, horizon]: readonly [Channel, HorizonName],
): Tally {
  const { counts } = observations;
  const read = (counter: Parameters<typeof counts.sums>[0]) => counts.sums(counter, horizon);
  const all = read('attempts');
  const [failed, answered, refused] = [read('failed'), read('answered'), read('refused')];
  const [retransmitted, slow] = [read('retransmitted'), read('slow')];
  const attempts = new Uint16Array(scene.size);
  const bad = new Uint16Array(scene.size);
  const spoilt: number[] = [];
  const most = mostAttempts(options);
  for (let at = 0; at < scene.size; at++) {
    const stream = scene.stream[at]!;
    let count = all[stream]!;
    let spoils = 0;
    if (channel === 'bad') {
      spoils = failed[stream]! + retransmitted[stream]!;
      // A peer that refuses is reached.
      if (scene.kind[at] !== streamKinds.peer) spoils += refused[stream]!;
    } else if (channel === 'answered') spoils = answered[stream]!;
    else {
      spoils = slow[stream]!;
      count -= failed[stream]! + answered[stream]! + refused[stream]! + retransmitted[stream]!;
    }
    const limit = most[horizon][scene.isLookup(at) ? 1 : 0]!;
    if (count > limit) {
      spoils = Math.round((spoils * limit) / count);
      count = limit;
    }
    attempts[at] = Math.max(0, count);
    bad[at] = Math.min(spoils, attempts[at]!);
    if (bad[at]! > 0) spoilt.push(at);
  }
  return { channel, horizon, attempts, bad, spoilt };
}

/** By horizon: of dials and of lookups. */
function mostAttempts(options: JudgeOptions): Record<keyof Horizons, [number, number]> {
  const horizons = horizonsOf(options);
  const most = (name: HorizonName, interval: number) =>
    Math.ceil((horizons[name] + lateHolds * options.holdMs) / interval) + 1;
  const { networkIntervalMs, dnsIntervalMs } = options;
  return Object.fromEntries(
    horizonNames.map((name) => [name, [most(name, networkIntervalMs), most(name, dnsIntervalMs)]]),
  ) as Record<keyof Horizons, [number, number]>;
}

/** The rate of bad attempts of healthy streams: of dials, and of lookups. */
export type BaseRates = readonly [dials: number, lookups: number];

/** Streams that are this bad are not healthy. */
const healthyShare = 0.2;
const margin = 1.2;
const leastRate = 0.002;
const mostRate = 0.03;

/** Rates of the fleet's healthy streams. */
export function baseRatesOf(scene: Scene, { attempts, bad }: Tally): BaseRates {
  const [allAttempts, allBad] = [
    [0, 0],
    [0, 0],
  ];
  for (let at = 0; at < scene.size; at++) {
    if (bad[at]! > Math.max(1, healthyShare * attempts[at]!)) continue;
    const group = scene.isLookup(at) ? 1 : 0;
    allAttempts[group]! += attempts[at]!;
    allBad[group]! += bad[at]!;
  }
  const rate = (group: 0 | 1) =>
    Math.min(mostRate, Math.max(leastRate, (margin * allBad[group]!) / Math.max(1, allAttempts[group]!)));
  return [rate(0), rate(1)];
}
