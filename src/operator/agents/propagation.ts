import type { Held, HeldSettings } from '../../protocol/sync.ts';
import type { UncoveredPairs } from '../plan/zone-links.ts';

/** Of those that wait, as many as anybody reads. */
const namedAtMost = 3;

/** How far the settings and assignments of a NetExporter have got, and what hinders them from being all that its spec says. */
export interface Propagation {
  /** The agents that there are. */
  agents: number;
  /** Those that call. */
  reporting: number;
  /** Those that call and have said that they hold what is valid at present. */
  configured: number;
  /** The first few of the others: where each runs and what it lacks. */
  waiting: { node: string; why: string }[];
  /** Ordered pairs of zones between which nobody probes, since they have too few agents; left out where there is none. */
  unlinked?: UncoveredPairs;
  /** The Service of `spec.dns.service` as `namespace/name`, where it is not to be found; left out where it is. */
  missingDns?: string;
}

/** What is known of how far a spec has got by sync. */
export type PropagationFinding =
  | Propagation
  /** This operator leads only now: what its agents hold is not known yet, so what was found before stays. */
  | 'unknown'
  /** Why agents cannot call. */
  | { obstacle: string }
  /** Why their targets cannot be planned. */
  | { unplanned: string };

/** What is known of one agent. */
export interface AgentState {
  node: string;
  /** Undefined: it has not called since this operator leads. */
  held: Held | undefined;
  /** Whether its last call is too long ago. */
  silent: boolean;
  /** What it should hold; undefined: its targets by the present spec are not planned yet. */
  assignment: Held['assignment'];
}

/**
 * Counts the agents.
 * @param settings what all of them should hold; undefined: that is not known, so that whoever calls lacks nothing
 */
export function propagationOf(states: readonly AgentState[], settings: HeldSettings | undefined): Propagation {
  const waiting: Propagation['waiting'] = [];
  let reporting = 0;
  for (const state of states) {
    if (state.held && !state.silent) reporting++;
    const why = lackOf(state, settings);
    if (why !== undefined) waiting.push({ node: state.node, why });
  }
  waiting.sort((a, b) => (a.node < b.node ? -1 : 1));
  const configured = states.length - waiting.length;
  return { agents: states.length, reporting, configured, waiting: waiting.slice(0, namedAtMost) };
}

/** Why an agent does not count as configured; it stays the same while that does. */
function lackOf({ held, silent, assignment }: AgentState, settings: HeldSettings | undefined): string | undefined {
  if (!held) return 'has not called yet';
  if (silent) return 'does not call any more';
  if (!settings) return undefined;
  if (!sameSettings(held.settings, settings)) return held.settings ? 'still has other settings' : 'has no settings yet';
  if (!assignment) return 'waits for its targets to be planned';
  if (!sameAssignment(held.assignment, assignment))
    return held.assignment ? 'still has other targets' : 'has no targets yet';
  return undefined;
}

/** Whether these are the very same settings. */
export function sameSettings(a: Held['settings'], b: Held['settings']): boolean {
  return a?.uid === b?.uid && a?.generation === b?.generation && a?.digest === b?.digest;
}

/** Whether this is the very same assignment. */
export function sameAssignment(a: Held['assignment'], b: Held['assignment']): boolean {
  return a?.uid === b?.uid && a?.epoch === b?.epoch && a?.revision === b?.revision;
}
