import { explain } from './explain.ts';
import { horizonsOf, type JudgeOptions } from './fleet-facts.ts';
import { combined, logRatio } from './likelihood.ts';
import { isMixed } from './mixed.ts';
import type { Observations } from './observations.ts';
import { type Scene, streamKinds } from './scene.ts';
import type { Scope } from './scopes.ts';
import type { HorizonName } from './stream-counts.ts';
import { isWide } from './subjects.ts';
import { type BaseRates, type Channel, channels, type Tally, tallyOf } from './tally.ts';
import { type Finding, Weigher } from './weigher.ts';

/** A finding of one judgement. Findings of several horizons and channels with the same key are one. */
export interface Judged extends Finding {
  channel: Channel;
  /** Share of bad attempts in the streams that it affects as a whole: in the last two holds. */
  rateNow: number;
  /** Whether now some of its streams are bad and the others are well, so that it may turn out to be several. */
  isMixed: boolean;
}

/** What one judgement found, and what it was made of. */
export interface Judgement {
  scene: Scene;
  /** Worst first. */
  judged: Judged[];
  tallies: Record<Channel, Record<HorizonName, Tally>>;
}

/**
 * A suspect is dropped if the last two holds make it less likely than nothing by this, in nats. What is not a suspect
 * yet must be more likely.
 */
const contradiction = -3;

/** A stream of which a suspect spoils this share is not judged for slowness: lost packets make it slow. */
const noticeable = 0.05;

/**
 * Judges all channels and horizons. Yields between slices.
 * @param raised keys of suspects
 */
export function* judgementOf(
  scene: Scene,
  observations: Observations,
  options: JudgeOptions,
  raised: ReadonlySet<string>,
): Generator<void, Judgement> {
  const { whole, half } = horizonsOf(options);
  const judged = half < whole ? (['half', 'whole'] as const) : (['whole'] as const);
  const found = new Map<string, Judged>();
  const tallies = {} as Judgement['tallies'];
  /** Also what is over: its attempts are in the window still. */
  const explained: Finding[] = [];
  for (const channel of channels) {
    const tally = (horizon: HorizonName) => tallyOf(scene, observations, options, [channel, horizon]);
    const ofChannel = { whole: tally('whole'), half: tally('half'), now: tally('now'), last: tally('last') };
    tallies[channel] = ofChannel;
    yield;
    for (const horizon of judged) {
      const weighed = copyOf(ofChannel[horizon]);
      if (channel === 'slow') leaveOut(weighed, explained);
      if (weighed.spoilt.length === 0) continue;
      const weigher = new Weigher(scene, weighed, { now: ofChannel.now, raised, failureRatio: options.failureRatio });
      yield;
      for (const finding of yield* explain(weigher)) {
        explained.push(finding);
        const known = found.get(finding.key);
        if (known && (known.channel !== channel || known.score >= finding.score)) continue;
        const ratio = ratioNow(scene, finding, ofChannel.now, weigher.bases);
        if (ratio < (raised.has(finding.key) ? contradiction : 0)) continue;
        if (isOver(finding, ofChannel)) continue;
        const rateNow = rateOf(finding.scope, ofChannel.now);
        found.set(finding.key, { ...finding, channel, rateNow, isMixed: isMixed(scene, ofChannel.now, finding) });
      }
    }
  }
  return { scene, judged: [...found.values()].sort((a, b) => b.score - a.score), tallies };
}

function copyOf(tally: Tally): Tally {
  return { ...tally, attempts: tally.attempts.slice(), bad: tally.bad.slice() };
}

function leaveOut(tally: Tally, suspects: readonly Finding[]): void {
  for (const { scope, severity } of suspects)
    for (const [index, at] of scope.positions.entries())
      if (scope.shares[index]! * severity >= noticeable) tally.attempts[at] = tally.bad[at] = 0;
  tally.spoilt = tally.spoilt.filter((at) => tally.bad[at]! > 0);
}

/** How much more likely a fault makes the last two holds than nothing does, in nats. */
function ratioNow(scene: Scene, { scope, severity }: Finding, now: Tally, bases: BaseRates): number {
  let ratio = 0;
  for (const [index, at] of scope.positions.entries()) {
    const base = bases[scene.kind[at]! >= streamKinds.server ? 1 : 0];
    const rate = Math.min(0.999, combined(base, severity * scope.shares[index]!));
    ratio += logRatio(now.bad[at]!, now.attempts[at]!, base, rate);
  }
  return ratio;
}

/**
 * Whether a fault that has ended explains the window better than one that goes on: with the rate of healthy streams of
 * late and its own rate before, against one rate for all. A hard fault that has ended looks like a soft one.
 */
function isOver({ subject, scope }: Finding, tallies: Record<HorizonName, Tally>): boolean {
  const all = sumsOf(scope, tallies.whole);
  // A node that comes and goes is well for a while.
  const horizons: HorizonName[] = isWide(subject) ? ['half', 'now'] : ['half', 'now', 'last'];
  return horizons.some((horizon) => {
    const last = withoutOneBad(sumsOf(scope, tallies[horizon]));
    const [attempts, bad] = [all.attempts - last.attempts, all.bad - last.bad];
    if (attempts <= 0 || last.attempts === 0 || bad * last.attempts <= last.bad * attempts) return false;
    const ended = logOf(bad, attempts, bad / attempts) + logOf(last.bad, last.attempts, healthyRate);
    return ended - logOf(all.bad, all.attempts, all.bad / all.attempts) > -contradiction;
  });
}

/** One bad attempt of late may be the last one of the fault, or chance. */
function withoutOneBad({ attempts, bad }: { attempts: number; bad: number }): { attempts: number; bad: number } {
  return bad === 0 ? { attempts, bad } : { attempts: attempts - 1, bad: bad - 1 };
}

const healthyRate = 0.005;

/** Logarithm of the likelihood of so many bad attempts. */
function logOf(bad: number, attempts: number, rate: number): number {
  const bounded = Math.min(0.98, Math.max(healthyRate, rate));
  return bad * Math.log(bounded) + (attempts - bad) * Math.log(1 - bounded);
}

/** Share of bad attempts in the streams that are affected as a whole. */
export function rateOf(scope: Scope, tally: Tally): number {
  const { attempts, bad } = sumsOf(scope, tally);
  return attempts === 0 ? 0 : bad / attempts;
}

function sumsOf({ positions, shares }: Scope, tally: Tally): { attempts: number; bad: number } {
  let attempts = 0;
  let bad = 0;
  for (let index = 0; index < positions.length; index++) {
    if (shares[index]! < 1) continue;
    attempts += tally.attempts[positions[index]!]!;
    bad += tally.bad[positions[index]!]!;
  }
  return { attempts, bad };
}
