import type { LinkState } from '../../contract/suspects.ts';
import type { FleetAgent } from '../agents/net-exporter-fleet.ts';
import { targetStates } from '../plan/target-states.ts';
import type { Observations } from './observations.ts';

/** Attempts of a link that are bad or slow by chance are not its state. */
const leastCount = 2;

/** From this share of slow attempts on a link is slow. */
const slowShare = 0.5;

/** So many agents are looked at without a break. */
const agentsPerSlice = 200;

/** Worst first. */
const severity: readonly LinkState[] = ['failing', 'slow', 'ok'];

/**
 * Counts the planned links by state: each is a pair of an agent that counts and a peer. It is judged by the half window
 * alone, without regard to what explains its attempts. Yields between slices.
 * @param failureRatio share of bad attempts from which a link is failing
 * @param now monotonic milliseconds
 */
export function* linkStatesOf(
  observations: Observations,
  agents: Iterable<FleetAgent>,
  failureRatio: number,
  now: number,
): Generator<void, Record<LinkState, number>> {
  const total: Record<LinkState, number> = { ok: 0, slow: 0, failing: 0, unreported: 0 };
  const byNode = new Map<string, LinkState>();
  let looked = 0;
  for (const { uid, state, overdueAt, peers } of agents) {
    if (++looked % agentsPerSlice === 0) yield;
    if (!targetStates[state].counted) continue;
    byNode.clear();
    const streams = now <= overdueAt ? observations.streamsOf(uid) : undefined;
    for (const [{ probe, node }, stream] of streams ?? []) {
      if (probe !== 'network' || !peers.includes(node)) continue;
      const ofStream = stateOf(observations, stream, failureRatio);
      if (ofStream === undefined) continue;
      byNode.set(node, worseState(byNode.get(node), ofStream)!);
    }
    for (const ofLink of byNode.values()) total[ofLink]++;
    total.unreported += peers.length - byNode.size;
  }
  return total;
}

/** The worse one. */
export function worseState(a: LinkState | undefined, b: LinkState | undefined): LinkState | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return severity.indexOf(a) < severity.indexOf(b) ? a : b;
}

function stateOf(observations: Observations, stream: number, failureRatio: number): LinkState | undefined {
  const { attempts, bad } = observations.outcomeOf(stream, 'half');
  return stateOfCounts({ attempts, bad, slow: observations.counts.sums('slow', 'half')[stream]! }, failureRatio);
}

/**
 * The state of a link, or of several together, by its attempts within the half window; undefined without attempts.
 * @param failureRatio share of bad attempts from which it is failing
 */
export function stateOfCounts(
  { attempts, bad, slow }: { attempts: number; bad: number; slow: number },
  failureRatio: number,
): LinkState | undefined {
  if (attempts === 0) return undefined;
  if (bad >= leastCount && bad >= failureRatio * attempts) return 'failing';
  return slow >= leastCount && slow >= slowShare * attempts ? 'slow' : 'ok';
}
