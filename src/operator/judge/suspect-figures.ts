import type { Judged, Judgement } from './judgement.ts';
import type { Observations } from './observations.ts';
import { isAnswered } from './outcome-counts.ts';
import { streamKinds } from './scene.ts';
import type { Scope } from './scopes.ts';
import { witnessOf } from './subjects.ts';
import type { Tally } from './tally.ts';

/** How attempts failed for the most part. */
export type Failing = 'timeout' | 'refused' | 'answered' | 'other';

/** The numbers of a sentence about a suspect. */
export interface SuspectFigures {
  /** Attempts at streams that it affects as a whole, and bad ones among them. */
  attempts: number;
  bad: number;
  /** Whether the figures are of the whole window instead of the last two holds. */
  ofWindow: boolean;
  /** Rate of bad attempts of everything else. */
  elsewhere: number;
  failing: Failing;
  /** Agents that can see it, or a node's peers, and how many of them do. */
  witnesses: number;
  seeing: number;
  /** Links (pairs of nodes) in its scope, and how many of them have bad attempts. */
  links: number;
  badLinks: number;
}

/** From this share of bad attempts in the last two holds on a fault is hard. */
export const hardRate = 0.8;

/** Counts what a finding is about. Soft faults are counted over the window, hard ones over the last two holds. */
export function figuresOf(judgement: Judgement, observations: Observations, judged: Judged): SuspectFigures {
  const { scene, tallies } = judgement;
  const { scope, subject } = judged;
  const ofChannel = tallies[judged.channel];
  const ofWindow = !(judged.rateNow >= hardRate);
  const tally = ofChannel.of(ofWindow ? 'whole' : 'now');
  const witnesses = new Map<number, boolean>();
  const links = new Map<number, boolean>();
  const failing: Record<Failing, number> = { timeout: 0, refused: 0, answered: 0, other: 0 };
  let attempts = 0;
  let bad = 0;
  for (const [index, at] of scope.positions.entries()) {
    if (scope.shares[index]! < 1 || tally.attempts[at] === 0) continue;
    const isBad = tally.bad[at]! > 0;
    attempts += tally.attempts[at]!;
    bad += tally.bad[at]!;
    if (isBad) failing[failingOf(observations, scene.stream[at]!)] += tally.bad[at]!;
    const isPeer = scene.kind[at] === streamKinds.peer;
    if (isPeer) {
      const link = scene.from[at]! * scene.nodes.length + scene.to[at]!;
      links.set(link, links.get(link) || isBad);
    }
    if (subject.kind === 'Node' && !isPeer) continue;
    const witness = witnessOf(scene, subject, at);
    witnesses.set(witness, witnesses.get(witness) || isBad);
  }
  return {
    attempts,
    bad,
    ofWindow,
    elsewhere: elsewhereOf(scope, ofChannel.of('whole')),
    failing: (Object.keys(failing) as Failing[]).reduce((a, b) => (failing[b] > failing[a] ? b : a)),
    witnesses: witnesses.size,
    seeing: count(witnesses),
    links: links.size,
    badLinks: count(links),
  };
}

/** Peers of a node that have had no bad attempts in the last two holds, and all that have attempts. */
export function reachOf(
  { scene, tallies }: Judgement,
  node: number,
  direction: 'in' | 'out',
): { reached: number; peers: number } {
  const { attempts, bad } = tallies.bad.of('now');
  const peers = new Map<number, boolean>();
  for (const at of (direction === 'out' ? scene.byFrom : scene.byTo).of(node)) {
    if (scene.kind[at] !== streamKinds.peer || attempts[at] === 0) continue;
    const peer = direction === 'out' ? scene.to[at]! : scene.from[at]!;
    peers.set(peer, peers.get(peer) || bad[at]! > 0);
  }
  return { reached: peers.size - count(peers), peers: peers.size };
}

function failingOf({ reasons }: Observations, stream: number): Failing {
  const reason = reasons[stream];
  if (reason === 'timeout' || reason === 'lost') return 'timeout';
  if (reason === 'refused') return 'refused';
  return reason !== undefined && isAnswered(reason) ? 'answered' : 'other';
}

function elsewhereOf(scope: Scope, tally: Tally): number {
  let attempts = 0;
  let bad = 0;
  const inside = new Uint8Array(tally.attempts.length);
  for (const at of scope.positions) inside[at] = 1;
  for (let at = 0; at < tally.attempts.length; at++) {
    if (inside[at] === 1) continue;
    attempts += tally.attempts[at]!;
    bad += tally.bad[at]!;
  }
  return attempts === 0 ? 0 : bad / attempts;
}

function count(flags: ReadonlyMap<number, boolean>): number {
  let set = 0;
  for (const flag of flags.values()) if (flag) set++;
  return set;
}
