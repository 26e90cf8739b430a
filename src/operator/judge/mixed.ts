import { isWide } from './subjects.ts';
import type { Tallies } from './tally.ts';
import type { Finding } from './weigher.ts';

/** A wide suspect is mixed from this share of streams without bad attempts, */
const wellShare = 0.15;

/** and from this share of bad attempts of the others, */
const hardRate = 0.75;

/** or, if there are at least so many others, from this share of which the latest attempts were bad. */
const leastStreams = 4;
const stillBadShare = 0.85;

/**
 * Whether now nothing works any more for some streams of a wide suspect, and everything for the others. Such a suspect
 * is in fact several narrow ones: some of a node's links, or some nodes of a zone.
 */
export function isMixed(
  tallies: Tallies,
  { subject, scope: { positions, shares } }: Pick<Finding, 'subject' | 'scope'>,
): boolean {
  if (!isWide(subject)) return false;
  const { attempts, bad } = tallies.of('now');
  const spoilt: number[] = [];
  let all = 0;
  let rates = 0;
  for (let index = 0; index < positions.length; index++) {
    const at = positions[index]!;
    if (shares[index]! < 1 || attempts[at] === 0) continue;
    all++;
    if (bad[at] === 0) continue;
    spoilt.push(at);
    rates += bad[at]! / attempts[at]!;
  }
  if (all - spoilt.length < wellShare * all) return false;
  if (rates >= hardRate * Math.max(1, spoilt.length)) return true;
  if (spoilt.length < leastStreams) return false;
  const stillBad = spoilt.reduce((count, at) => count + (tallies.endsBad(at) ? 1 : 0), 0);
  return stillBad >= stillBadShare * spoilt.length;
}
