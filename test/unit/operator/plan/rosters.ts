import fc from 'fast-check';
import { hashPair } from '../../../../src/base/hash.ts';
import type { RosterChange, RosterEntry } from '../../../../src/operator/plan/topology.ts';

/** What a roster is made of. */
export interface RosterShape {
  agents: number;
  zones: number;
  /** 1: zones are about as large as each other; more: the first ones larger, the last ones smaller or empty. */
  skew: number;
  salt: number;
}

/** Agents of that shape, all of them probed. */
export function rosterOf({ agents, zones, skew, salt }: RosterShape): RosterEntry[] {
  return Array.from({ length: agents }, (_, number) => {
    const zone = Math.floor(zones * (hashPair(number, salt) / 2 ** 32) ** skew);
    return { name: `node-${salt}-${number}`, zone: `zone-${zone}`, probed: true };
  });
}

/** Rosters of 1 to 5,000 agents in 1 to 50 zones; large ones seldom, since a plan takes its time. */
export const rosterShapes = fc.record({
  agents: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 40 }) },
    { weight: 5, arbitrary: fc.integer({ min: 41, max: 300 }) },
    { weight: 1, arbitrary: fc.integer({ min: 301, max: 5000 }) },
  ),
  zones: fc.integer({ min: 1, max: 50 }),
  skew: fc.constantFrom(1, 2, 4),
  salt: fc.nat({ max: 2 ** 31 }),
});

export function joining(roster: readonly RosterEntry[]): RosterChange[] {
  return roster.map((entry) => ({ name: entry.name, entry }));
}
