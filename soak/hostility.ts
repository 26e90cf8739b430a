import { trespass } from '../test/faults/sequence-plan.ts';
import type { Trespass } from '../test/faults/stranger.ts';
import type { Random } from './random.ts';

/** What pods of a hostile tenant do: to the operators, to the agents of others, or as agents of their own. */
export type Flood = 'operators' | 'agents' | 'echo' | 'reports';

export const floods: readonly Flood[] = ['operators', 'agents', 'echo', 'reports'];

/** How a hostile tenant disturbs others. */
export interface Hostility {
  floods: Flood[];
  /** From how many of its pods. */
  pods: number;
  /** The objects that it creates; undefined: none. */
  objects: Trespass | undefined;
}

/** @param pods how many pods the tenant has */
export function planHostility(random: Random, pods: number): Hostility {
  const drawn = trespass(random);
  // Its pods do the rest.
  const objects = drawn.kind === 'connections' || drawn.kind === 'reports' ? undefined : drawn;
  return { floods: random.sample(floods, random.integer(1, 3)), pods: random.integer(1, pods), objects };
}
