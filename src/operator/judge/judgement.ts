import { Bounds } from './bounds.ts';
import { isOver, sumsOf } from './change-point.ts';
import { explain } from './explain.ts';
import { horizonsOf, type JudgeOptions } from './fleet-facts.ts';
import { combined, logRatio } from './likelihood.ts';
import { isMixed } from './mixed.ts';
import type { Observations } from './observations.ts';
import { type Scene, streamKinds } from './scene.ts';
import { type Scope, Scopes } from './scopes.ts';
import { isPath } from './subjects.ts';
import { type BaseRates, type Channel, channels, hasBad, Tallies, type Tally } from './tally.ts';
import { type Finding, Weigher } from './weigher.ts';

/** A finding of one judgement. Findings of several horizons and channels with the same key are one. */
export interface Judged extends Finding {
  channel: Channel;
  /** Share of bad attempts in the streams that it affects as a whole: in the last two holds. */
  rateNow: number;
  /** Whether now some of its streams are bad and the others are well, so that it may turn out to be several. */
  isMixed: boolean;
  /** Whether it is much less bad now than it was. */
  isFading: boolean;
  /** Whether only the agents at its ends see it. */
  isPath: boolean;
  isZonePair: boolean;
}

/** What one judgement found, and what it was made of. */
export interface Judgement {
  scene: Scene;
  /** Worst first. */
  judged: Judged[];
  /** All that explains a horizon, also what is over or contradicted by the last two holds. */
  explained: readonly Finding[];
  tallies: Record<Channel, Tallies>;
}

/**
 * A suspect is dropped if the last two holds make it less likely than nothing by this, in nats. What is not a suspect
 * yet must be more likely.
 */
const contradiction = -3;

/** A fault of which the rate in the last two holds is below this share of the rate over the window is about to end. */
const fadingShare = 0.5;

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
  const horizons = half < whole ? (['half', 'whole'] as const) : (['whole'] as const);
  const found = new Map<string, Judged>();
  const talliesOf = (channel: Channel) => new Tallies(scene, observations, options, channel);
  const tallies = { bad: talliesOf('bad'), answered: talliesOf('answered'), slow: talliesOf('slow') };
  const scopes = new Scopes(scene);
  const bounds = new Bounds(scene);
  /** Also what is over: its attempts are in the window still. */
  const explained: Finding[] = [];
  for (const channel of channels) {
    if (!hasBad(channel, observations)) continue;
    const ofChannel = tallies[channel];
    for (const horizon of horizons) {
      const tally = ofChannel.of(horizon);
      const weighed = channel === 'slow' ? withoutExplained(tally, explained) : tally;
      yield;
      if (weighed.spoilt.length === 0) continue;
      const { failureRatio } = options;
      const weigher = new Weigher(scene, weighed, { scopes, bounds, tallies: ofChannel, raised, failureRatio });
      yield;
      for (const finding of yield* explain(weigher)) {
        yield;
        explained.push(finding);
        const known = found.get(finding.key);
        if (known && (known.channel !== channel || known.score >= finding.score)) continue;
        const now = ofChannel.of('now');
        const ratio = ratioNow(scene, finding, now, weigher.bases);
        if (ratio < (raised.has(finding.key) ? contradiction : 0)) continue;
        if (isOver(finding, ofChannel)) continue;
        const rateNow = rateOf(finding.scope, now);
        const isFading = rateNow < fadingShare * rateOf(finding.scope, ofChannel.of('whole'));
        const { subject } = finding;
        const nature = {
          ...{ isMixed: isMixed(ofChannel, finding), isFading },
          ...{ isPath: isPath(subject), isZonePair: subject.kind === 'ZonePair' },
        };
        found.set(finding.key, { ...finding, channel, rateNow, ...nature });
      }
    }
  }
  return { scene, explained, judged: [...found.values()].sort((a, b) => b.score - a.score), tallies };
}

function withoutExplained(tally: Tally, suspects: readonly Finding[]): Tally {
  const [attempts, bad] = [tally.attempts.slice(), tally.bad.slice()];
  for (const { scope, severity } of suspects)
    for (const [index, at] of scope.positions.entries())
      if (scope.shares[index]! * severity >= noticeable) attempts[at] = bad[at] = 0;
  return { ...tally, attempts, bad, spoilt: tally.spoilt.filter((at) => bad[at]! > 0) };
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

/** Share of bad attempts in the streams that are affected as a whole. */
function rateOf(scope: Scope, tally: Tally): number {
  const { attempts, bad } = sumsOf(scope, tally);
  return attempts === 0 ? 0 : bad / attempts;
}
