import type { ChildFacts, DaemonSetFacts, NodeFacts, PodFacts, ResourceFacts } from './facts.ts';

/** What an agent said of itself in one scrape. */
export interface AgentSample {
  /** When its answer came, in monotonic milliseconds. */
  at: number;
  /** Generation of the settings that it uses. */
  generation: number;
  /** Revision of the targets that it probes. */
  revision: number;
  /** How long ago the operator answered it last, in milliseconds. */
  syncAge: number;
  /** How often the operator has answered it. */
  answers: number;
  /** The sample after this one, as soon as there is one. */
  next?: AgentSample;
}

/** Who leads. */
export interface Leader {
  /** Of the operator's pod. */
  pod: string;
  /** Since when the observer knows it to, in monotonic milliseconds. */
  since: number;
}

/** What one operator exposes of the NetExporter. */
export interface Exposed {
  pod: string;
  /** `net_exporter_agents` by state. */
  agents: Readonly<Record<string, number>>;
  /** The status of each condition, of which exactly one is 1; empty where none or several are. */
  conditions: Readonly<Record<string, string>>;
  generation: number | undefined;
  observedGeneration: number | undefined;
}

/**
 * All that the observer knew at one moment: what is so, by the API server and by the agents themselves, and what the
 * operator said. There is one for each change that a watch showed, and for each look at metrics.
 */
export interface Moment {
  /** Monotonic milliseconds. */
  at: number;
  /** Milliseconds since the epoch. */
  wall: number;
  resource: ResourceFacts | undefined;
  /** Since when there is that very NetExporter, in monotonic milliseconds. */
  resourceSince: number;
  /** Since when there are these very Services of agents, whose address is part of the settings, likewise. */
  servicesSince: number;
  daemonSet: DaemonSetFacts | undefined;
  /** All with the labels of the agents. */
  pods: readonly PodFacts[];
  nodes: readonly NodeFacts[];
  /** Objects by the names of children. */
  children: readonly ChildFacts[];
  isNamespaceEnding: boolean;
  /** Whether the Service that agents call exists. */
  hasSyncService: boolean;
  /** Undefined while no process renews the Lease. */
  leader: Leader | undefined;
  /** The last sample of each agent, by its pod's uid. */
  agents: ReadonlyMap<string, AgentSample>;
  /** What each operator exposed last. */
  exposed: readonly Exposed[];
  /** How often someone overwrote the same child lately, the most. */
  overwrites: number;
  /** What the soak did at that moment, for messages. */
  operation: string;
}
