import { isIPv4 } from 'node:net';
import { hash32, hashPair } from '../../base/hash.ts';
import { formatHostPort } from '../../base/host-port.ts';
import { type AssignedPeer, type Assignment, assignmentVersion } from '../../protocol/assignment.ts';
import type { Held } from '../../protocol/sync.ts';
import { DnsEndpoints } from './dns-endpoints.ts';
import type { NodeFacts } from './node-facts.ts';
import { agentState, type PlannedPod, type TargetState, targetStates } from './target-states.ts';
import { type RosterChange, type RosterEntry, Topology } from './topology.ts';
import type { UncoveredPairs } from './zone-links.ts';

/** What a plan is made of. */
export interface PlanInput {
  /** Of the NetExporter, all; an object that is the same as before is taken to hold the same. */
  pods: readonly PlannedPod[];
  nodes: (name: string) => NodeFacts | undefined;
  /** The DNS pods to ask directly, each as `ip:port`. */
  dnsServers: readonly string[];
  peersPerAgent: number;
  endpointsPerAgent: number;
}

/** What an update changed. */
export interface PlanChanges {
  /** The uids of the pods whose assignment is another one, or their first. */
  changed: string[];
  /** Ordered pairs of zones that no agent probes across, since there are too few; undefined where there is none. */
  uncovered: UncoveredPairs | undefined;
}

/**
 * The assignments of one NetExporter's agents, under one leader. It remembers what it was told of each pod and node, so
 * that an update costs as much as there is news, and what ended without notice is told from what was announced
 * (`agentState`).
 */
export class FleetPlan {
  readonly #uid: string;
  readonly #epoch: number;
  readonly #agents = new Map<string, Agent>();
  /** Where there is an agent that gets an assignment, by node. */
  readonly #places = new Map<string, Place>();
  readonly #dns: DnsEndpoints;
  #topology: Topology;
  #peersPerAgent = 0;
  #revision: number;

  /**
   * @param uid the NetExporter's; also what makes plans of several differ
   * @param epoch the number of changes of the leader
   * @param startedAt milliseconds since 1970, from which revisions rise: an epoch comes again when the Lease was
   *   restored from a backup, or deleted, and what a leader planned in it before must not pass for what this one plans
   */
  constructor({ uid, epoch, startedAt }: { uid: string; epoch: number; startedAt: number }) {
    this.#uid = uid;
    this.#epoch = epoch;
    this.#revision = startedAt;
    this.#dns = new DnsEndpoints(uid);
    this.#topology = new Topology({ seed: uid, peersPerAgent: 0 });
  }

  /** Of the latest update. */
  get revision(): number {
    return this.#revision;
  }

  /** Brings the assignments up to date with what there is now. */
  update({ pods, nodes, dnsServers, peersPerAgent, endpointsPerAgent }: PlanInput): PlanChanges {
    this.#revision += 1;
    const { changed, news } = this.#look(pods, nodes);
    const { roster, readdressed } = this.#settle(news);
    const planned = this.#replan(roster, peersPerAgent);
    for (const name of readdressed) for (const prober of this.#topology.probersOf(name)) planned.add(prober);
    const askers = roster.map(({ name, entry }) => ({ name, present: entry !== undefined }));
    for (const name of this.#dns.update(askers, { servers: dnsServers, perAgent: endpointsPerAgent }))
      planned.add(name);
    for (const name of planned) for (const agent of this.#places.get(name)?.agents ?? []) changed.add(agent);
    for (const agent of changed) agent.revision = this.#revision;
    return { changed: [...changed].map(({ pod }) => pod.uid), uncovered: this.#topology.uncovered };
  }

  /** What an agent is to probe; undefined where its pod is not known, or has ended. */
  assignmentOf(podUid: string): Assignment | undefined {
    const agent = this.#agents.get(podUid);
    const version = this.versionOf(podUid);
    if (!agent || !version) return undefined;
    const { node } = agent.pod;
    return {
      version: assignmentVersion,
      ...version,
      zone: agent.zone,
      peers: this.#addressed(agent.pod),
      dnsServers: [...this.#dns.serversOf(node)],
    };
  }

  /** Which assignment an agent should hold: much cheaper to ask for than the assignment. */
  versionOf(podUid: string): Held['assignment'] {
    const agent = this.#agents.get(podUid);
    return agent?.isAssigned ? { uid: this.#uid, epoch: this.#epoch, revision: agent.revision } : undefined;
  }

  /** The state of an agent; undefined where its pod is not known. */
  stateOf(podUid: string): TargetState | undefined {
    return this.#agents.get(podUid)?.state;
  }

  /** What is known of an agent; undefined where its pod is not known. */
  agentOf(podUid: string): PlannedAgent | undefined {
    return this.#agents.get(podUid);
  }

  /** The nodes whose agents the agent of this node is to probe. */
  peersOf(node: string): readonly string[] {
    return this.#topology.peersOf(node);
  }

  /**
   * Where an agent reaches its peers. Of two address families that both ends have, about half of all pairs use each;
   * where there are fewer peers than the spec allows, as in small clusters, pairs use both.
   */
  #addressed(pod: PlannedPod): AssignedPeer[] {
    const peers = this.#topology.peersOf(pod.node).map((peer) => this.#places.get(peer)!.seenFrom(pod));
    const first = peers.map(([peer]) => peer!);
    const more = peers.flatMap(([, ...others]) => others);
    return [...first, ...more.slice(0, Math.max(0, this.#peersPerAgent - first.length))];
  }

  /** @returns the agents whose assignment is new for their own sake, and the nodes of all that are not as they were */
  #look(pods: readonly PlannedPod[], nodes: PlanInput['nodes']): { changed: Set<Agent>; news: Set<string> } {
    const changed = new Set<Agent>();
    const news = new Set<string>();
    for (const pod of pods) {
      const node = nodes(pod.node);
      const known = this.#agents.get(pod.uid);
      if (known) known.seenIn = this.#revision;
      if (known?.pod === pod && known.node === node) continue;
      const agent = new Agent(pod, node, agentState(pod, node, known?.state), this.#revision);
      if (agent.isAssigned && !(known?.isAssigned && agent.isToldAs(known))) changed.add(agent);
      agent.revision = known?.revision ?? 0;
      this.#replace(known, agent, news);
    }
    for (const agent of this.#agents.values())
      if (agent.seenIn !== this.#revision) this.#replace(agent, undefined, news);
    return { changed, news };
  }

  #replace(before: Agent | undefined, after: Agent | undefined, news: Set<string>): void {
    if (before) {
      this.#agents.delete(before.pod.uid);
      this.#places.get(before.pod.node)?.remove(before);
      news.add(before.pod.node);
    }
    if (!after) return;
    this.#agents.set(after.pod.uid, after);
    // Not bound to a node yet, it is none's.
    if (!after.isAssigned || after.pod.node === '') return;
    const place = this.#places.get(after.pod.node) ?? new Place(after.pod.node);
    this.#places.set(after.pod.node, place);
    place.agents.push(after);
    news.add(after.pod.node);
  }

  /** @returns what is new of these nodes for the roster, and those whose agent is reached elsewhere than before */
  #settle(news: Set<string>): { roster: RosterChange[]; readdressed: string[] } {
    const roster: RosterChange[] = [];
    const readdressed: string[] = [];
    for (const name of news) {
      const place = this.#places.get(name);
      if (!place) continue;
      if (place.settle()) readdressed.push(name);
      if (place.agents.length === 0) this.#places.delete(name);
      roster.push({ name, entry: place.agents.length === 0 ? undefined : place.entry });
    }
    return { roster, readdressed };
  }

  #replan(roster: readonly RosterChange[], peersPerAgent: number): Set<string> {
    if (peersPerAgent === this.#peersPerAgent) return this.#topology.update(roster);
    this.#peersPerAgent = peersPerAgent;
    this.#topology = new Topology({ seed: this.#uid, peersPerAgent });
    return this.#topology.update([...this.#places.values()].map(({ name, entry }) => ({ name, entry })));
  }
}

/** An agent under a plan. */
export interface PlannedAgent {
  readonly pod: PlannedPod;
  readonly state: TargetState;
  /** Empty where it is not known. */
  readonly zone: string;
  /** Where it listens, each as `ip:port`. */
  readonly addresses: readonly string[];
}

/** What is known of one pod. */
class Agent implements PlannedAgent {
  readonly pod: PlannedPod;
  readonly node: NodeFacts | undefined;
  readonly state: TargetState;
  /** The update that saw it last. */
  seenIn: number;
  /** The update that changed its assignment last. */
  revision = 0;

  constructor(pod: PlannedPod, node: NodeFacts | undefined, state: TargetState, seenIn: number) {
    this.pod = pod;
    this.node = node;
    this.state = state;
    this.seenIn = seenIn;
  }

  get isAssigned(): boolean {
    return targetStates[this.state].assigned;
  }

  /** By which it is reached: nothing, unless it has an address. */
  get isProbed(): boolean {
    return targetStates[this.state].probed && this.pod.addresses.length > 0 && this.pod.port !== undefined;
  }

  /** Empty where it is not known. */
  get zone(): string {
    return this.node?.zone ?? '';
  }

  get addresses(): readonly string[] {
    const { addresses, port } = this.pod;
    return port === undefined ? [] : addresses.map((address) => formatHostPort(address, port));
  }

  /** Whether its assignment holds the same, as far as that depends on the agent itself. */
  isToldAs(other: Agent): boolean {
    return this.zone === other.zone && this.#families === other.#families;
  }

  get #families(): string {
    return this.pod.addresses.map((address) => isIPv4(address)).join();
  }
}

/** A node and its agents, of which there are two for a while during a rollout: one that leaves and one that starts. */
class Place {
  readonly name: string;
  agents: Agent[] = [];
  entry: RosterEntry;
  /** Where others reach its agent, each as `ip:port`. */
  #addresses: string[] = [];

  constructor(name: string) {
    this.name = name;
    this.entry = { name, zone: '', probed: false };
  }

  remove(agent: Agent): void {
    this.agents = this.agents.filter((other) => other !== agent);
  }

  /** @returns whether it is reached elsewhere than when it was reached last */
  settle(): boolean {
    const [probed] = this.agents.filter(({ isProbed }) => isProbed).sort(bestFirst);
    const [any] = this.agents;
    this.entry = { name: this.name, zone: any?.zone ?? '', probed: probed !== undefined };
    if (!probed) return false;
    const { addresses, port } = probed.pod;
    const before = this.#addresses.join();
    this.#addresses = addresses.map((address) => formatHostPort(address, port!));
    return before !== '' && this.#addresses.join() !== before;
  }

  /** As a peer of an agent: each address that the agent can use, the one that it should prefer first; at least one. */
  seenFrom({ node, addresses }: PlannedPod): AssignedPeer[] {
    const { name, entry } = this;
    const families = new Set(addresses.map((address) => isIPv4(address)));
    const usable = this.#addresses.filter((address) => families.has(!address.startsWith('[')));
    if (usable.length === 0) usable.push(this.#addresses[0]!);
    const preferred = usable.length > 1 ? hashPair(hash32(node), hash32(name)) % usable.length : 0;
    const sorted = [...usable.slice(preferred), ...usable.slice(0, preferred)];
    return sorted.map((address) => ({ address, node: name, zone: entry.zone }));
  }
}

/** One that is ready before one that is not; among equals it does not matter which, but it is always the same. */
function bestFirst({ pod: a }: Agent, { pod: b }: Agent): number {
  if (a.ready !== b.ready) return a.ready ? -1 : 1;
  return a.uid < b.uid ? -1 : 1;
}
