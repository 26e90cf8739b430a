import type { Scene } from './scene.ts';
import type { Scope } from './scopes.ts';
import { isWide, type Subject, witnessOf } from './subjects.ts';
import type { Tally } from './tally.ts';

/** A wide suspect is mixed from this share of agents or peers that are well, */
const wellShare = 0.25;

/** and from this share of bad attempts of the others. */
const hardRate = 0.55;

/**
 * Whether nearly nothing works for some of those that can see a wide suspect, and everything for the others. Such a
 * suspect is in fact several narrow ones: some of a node's links, or some nodes of a zone.
 */
export function isMixed(
  scene: Scene,
  { attempts, bad }: Tally,
  { subject, scope: { positions, shares } }: { subject: Subject; scope: Scope },
): boolean {
  if (!isWide(subject)) return false;
  const sums = new Map<number, [attempts: number, bad: number]>();
  for (let index = 0; index < positions.length; index++) {
    const at = positions[index]!;
    if (shares[index]! < 1 || attempts[at] === 0) continue;
    const witness = witnessOf(scene, subject, at);
    const sum = sums.get(witness) ?? [0, 0];
    sums.set(witness, sum);
    sum[0] += attempts[at]!;
    sum[1] += bad[at]!;
  }
  const seeing = [...sums.values()].filter(([, spoilt]) => spoilt > 0);
  const rate = seeing.reduce((sum, [all, spoilt]) => sum + spoilt / all, 0) / Math.max(1, seeing.length);
  return rate >= hardRate && sums.size - seeing.length >= wellShare * sums.size;
}
