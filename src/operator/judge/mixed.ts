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
  // By node; the first is what stays on the node or leads out of the fleet.
  const all = new Uint32Array(scene.nodes.length + 1);
  const spoilt = new Uint32Array(scene.nodes.length + 1);
  for (let index = 0; index < positions.length; index++) {
    const at = positions[index]!;
    if (shares[index]! < 1 || attempts[at] === 0) continue;
    const witness = witnessOf(scene, subject, at) + 1;
    all[witness]! += attempts[at]!;
    spoilt[witness]! += bad[at]!;
  }
  let asked = 0;
  let seeing = 0;
  let rates = 0;
  for (let witness = 0; witness < all.length; witness++) {
    if (all[witness] === 0) continue;
    asked++;
    if (spoilt[witness] === 0) continue;
    seeing++;
    rates += spoilt[witness]! / all[witness]!;
  }
  return rates >= hardRate * Math.max(1, seeing) && asked - seeing >= wellShare * asked;
}
