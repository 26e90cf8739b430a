import type { Held, HeldSettings } from '../../protocol/sync.ts';
import type { UncoveredPairs } from '../plan/zone-links.ts';

/** Maximum number of agents named in a message. */
const maxNamed = 3;

/** What agents lack that do not reach the operator. */
export const notCalled = 'no request yet';
export const silenced = 'no longer sends requests';

/** How many agents have the settings and assignments of a NetExporter, and what is missing. */
export interface Propagation {
  /** All agents. */
  agents: number;
  /** Agents that send requests. */
  reporting: number;
  /** Agents that send requests and have confirmed the current settings and assignment. */
  configured: number;
  /** The generation of these settings; absent if unknown. */
  generation?: number;
  /** Agents that this operator, which leads only since recently, has not heard of. */
  unheard: number;
  /** The nodes, sorted, of agents that should be ready and have been missing something for 45 seconds. */
  overdue: readonly string[];
  /** The first few that are not configured, those that are overdue first: the node, and what is missing. */
  waiting: { node: string; why: string }[];
  /** Ordered pairs of zones without a link, because there are too few agents; absent if every pair has one. */
  unlinked?: UncoveredPairs;
  /** Absent if the pods of the Service in `spec.dns.service` are known. */
  dnsFault?: DnsServiceFault;
}

/** Why agents cannot query the pods of the Service in `spec.dns.service`, or not all of them. */
export interface DnsServiceFault {
  /** As `namespace/name`; without a name `namespace/`. */
  service: string;
  /**
   * `missing`: it has no EndpointSlice. `beyondLimit`: NetExporters refer to too many other Services. `tooManyPods`:
   * only some of its pods are known.
   */
  reason: 'missing' | 'beyondLimit' | 'tooManyPods';
}

/** What is known about the propagation of a spec to agents. */
export type KnownPropagation =
  | Propagation
  /** This operator became the leader only now, and every agent calls it within seconds: the previous status stays. */
  | 'early'
  /** This operator does not know of any agents, and there may be some. */
  | 'unknown'
  /** This operator does not know what agents should have, because it has not applied the spec. */
  | { unapplied: true; reporting: number };

/** What is known about the propagation of a spec by sync. */
export type PropagationFinding =
  | KnownPropagation
  /** Why agents cannot reach the operator. */
  | { obstacle: string }
  /** Why their targets cannot be planned. */
  | { unplanned: string };

/** What is known about one agent. */
export interface AgentState {
  node: string;
  /** Undefined: no request since this operator became the leader. */
  held: Held | undefined;
  /** Whether its last request is too long ago. */
  silent: boolean;
  /** Whether it should be ready and has been missing something for too long. */
  late: boolean;
  /** The assignment it should have; undefined while the targets of the current spec are not planned yet. */
  assignment: Held['assignment'];
}

/**
 * Counts the agents.
 * @param settings what every agent should have; undefined: unknown, so any agent that sends requests counts as
 *   configured
 * @param early whether this operator leads only since recently, so that agents that have not called may still be about
 *   to
 */
export function propagationOf(
  states: readonly AgentState[],
  settings: HeldSettings | undefined,
  early = false,
): Propagation {
  const waiting: (Propagation['waiting'][number] & { late: boolean })[] = [];
  let [reporting, unheard] = [0, 0];
  for (const state of states) {
    if (state.held && !state.silent) reporting++;
    if (!state.held && early) unheard++;
    const why = lackOf(state, settings);
    if (why !== undefined) waiting.push({ node: state.node, why, late: state.late });
  }
  waiting.sort((a, b) => Number(b.late) - Number(a.late) || (a.node < b.node ? -1 : 1));
  const configured = states.length - waiting.length;
  return {
    ...{ agents: states.length, reporting, configured, unheard },
    waiting: waiting.slice(0, maxNamed).map(({ node, why }) => ({ node, why })),
    ...(settings && { generation: settings.generation }),
    overdue: states.flatMap(({ late, node }) => (late ? [node] : [])).sort(),
  };
}

/** What an agent is missing; undefined if it is configured. The text does not change while the cause stays the same. */
export function lackOf(
  { held, silent, assignment }: Omit<AgentState, 'late'>,
  settings: HeldSettings | undefined,
): string | undefined {
  if (!held) return notCalled;
  if (silent) return silenced;
  if (!settings) return undefined;
  if (!sameSettings(held.settings, settings)) return held.settings ? 'outdated settings' : 'no settings yet';
  if (!assignment) return 'targets not planned yet';
  if (!sameAssignment(held.assignment, assignment)) return held.assignment ? 'outdated targets' : 'no targets yet';
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
