import { hash32 } from '../../base/hash.ts';
import { CyclicOrders } from './cyclic-orders.ts';
import { type UncoveredPairs, Zone, type ZonedAgent, zoneLinks } from './zone-links.ts';

/** With more agents changed at once than this, a plan made anew is as fast. */
const fewChanges = 32;

/** An agent as plans know it. */
export interface RosterEntry {
  /** Its node: an agent that comes in the place of another has its peers. */
  name: string;
  /** Empty where it is not known. */
  zone: string;
  /** Whether others probe it; it probes others in any case. */
  probed: boolean;
}

/** One agent that comes, becomes another or goes. */
export interface RosterChange {
  name: string;
  entry: RosterEntry | undefined;
}

/**
 * Who probes whom. In `peersPerAgent` cyclic orders of the agents that are probed, each by another hash of the seed and
 * the name, every agent probes the one after it; then `zoneLinks` sees to the pairs of zones. So each agent probes
 * `peersPerAgent` others (all others where they are no more) and is probed by about as many; one agent that comes or
 * goes changes the plans of about as many; every agent can be reached from every other along links; and the plan
 * depends on the seed and the agents alone, neither on their order nor on what was before.
 */
export class Topology {
  readonly #seed: number;
  readonly #peersPerAgent: number;
  readonly #agents = new Map<string, Agent>();
  /** Those that probe and are not probed: they have no place in the orders by which to find whom a change concerns. */
  readonly #unprobed = new Set<Agent>();
  readonly #orders: CyclicOrders<Agent>;
  readonly #zones = new Map<string, Zone<Agent>>();
  /** Those that probe others than by the orders alone. */
  #linked: readonly Agent[] = [];
  #uncovered: UncoveredPairs | undefined;

  /** @param seed other seeds give other plans */
  constructor({ seed, peersPerAgent }: { seed: string; peersPerAgent: number }) {
    this.#seed = hash32(seed);
    this.#peersPerAgent = peersPerAgent;
    this.#orders = new CyclicOrders(peersPerAgent);
  }

  /**
   * Ordered pairs of zones for which there are too few agents to have a link between them; undefined where there is
   * none.
   */
  get uncovered(): UncoveredPairs | undefined {
    return this.#uncovered;
  }

  /** Whom an agent probes, by name; nobody where the agent is not known. */
  peersOf(name: string): string[] {
    return this.#agents.get(name)?.links?.map((peer) => peer.name) ?? [];
  }

  /** The names of those that probe an agent. */
  probersOf(name: string): string[] {
    const agent = this.#agents.get(name);
    if (!agent?.probed) return [];
    const inSmallFleet = this.#orders.size <= this.#peersPerAgent + 1;
    const near = inSmallFleet ? this.#agents.values() : this.#orders.reaching(agent, ({ peers }) => peers);
    const candidates = new Set([...near, ...this.#linked, ...this.#unprobed]);
    return [...candidates].filter(({ links }) => links?.includes(agent)).map((prober) => prober.name);
  }

  /**
   * @param changes at most one of each agent
   * @returns the names of the agents that probe others than before, or one whose zone is another; new ones are among
   *   them, those that went are not
   */
  update(changes: readonly RosterChange[]): Set<string> {
    const touched = this.#replan(changes);
    const { links, uncovered } = zoneLinks(this.#peersPerAgent > 0 ? this.#zones.values() : []);
    for (const agent of [...this.#linked, ...links.keys()]) touched.add(agent);
    this.#linked = [...links.keys()];
    this.#uncovered = uncovered;
    const changed = new Set<string>();
    for (const agent of touched)
      if (this.#agents.get(agent.name) === agent && agent.settle(links.get(agent) ?? agent.peers))
        changed.add(agent.name);
    return changed;
  }

  /** Brings the agents' own peers up to date. @returns those that may have other ones */
  #replan(changes: readonly RosterChange[]): Set<Agent> {
    // Where everyone probes everyone, each change concerns all.
    const anew = changes.length > fewChanges || this.#orders.size - changes.length <= this.#peersPerAgent + 1;
    const touched = new Set<Agent>();
    let moved = false;
    for (const { name, entry } of changes) {
      const before = this.#agents.get(name);
      if (before && entry && before.zoneName === entry.zone && before.probed === entry.probed) continue;
      const after = entry && new Agent(entry, hash32(name, this.#seed), this.#zoneOf(entry.zone), before?.links);
      if (before) this.#remove(before);
      if (before?.probed && !anew) this.#follow(this.#leave(before), touched);
      if (after) this.#add(after);
      if (after?.probed && !anew) this.#follow(this.#join(after), touched);
      if (after) touched.add(after);
      moved ||= before?.probed === true || after?.probed === true;
    }
    if (anew) this.#followAnew(touched);
    else this.#follow(moved ? [...touched, ...this.#unprobed] : [...touched], touched);
    return touched;
  }

  #add(agent: Agent): void {
    this.#agents.set(agent.name, agent);
    if (agent.probed) agent.zone?.members.add(agent);
    else this.#unprobed.add(agent);
  }

  #remove(agent: Agent): void {
    this.#agents.delete(agent.name);
    this.#unprobed.delete(agent);
    agent.zone?.members.delete(agent);
    agent.follow([]);
  }

  /** @returns whom it concerns */
  #join(agent: Agent): Set<Agent> {
    this.#orders.insert(agent);
    return this.#orders.reaching(agent, ({ peers }) => peers);
  }

  /** @returns whom it concerns */
  #leave(agent: Agent): Set<Agent> {
    const concerned = this.#orders.reaching(agent, ({ peers }) => peers);
    this.#orders.remove(agent);
    return concerned;
  }

  /** At once, since the next change is about how they are now. */
  #follow(concerned: Iterable<Agent>, touched: Set<Agent>): void {
    for (const agent of concerned) {
      if (this.#agents.get(agent.name) !== agent) continue;
      agent.follow(this.#orders.successors(agent));
      touched.add(agent);
    }
  }

  #followAnew(touched: Set<Agent>): void {
    const probed = [...this.#agents.values()].filter((agent) => agent.probed);
    for (const [agent, successors] of this.#orders.fill(probed)) {
      agent.follow(successors);
      touched.add(agent);
    }
    this.#follow(this.#unprobed, touched);
  }

  #zoneOf(name: string): Zone<Agent> | undefined {
    if (name === '') return undefined;
    const known = this.#zones.get(name);
    if (known) return known;
    const zone = new Zone<Agent>(name, hash32(name, this.#seed));
    this.#zones.set(name, zone);
    return zone;
  }
}

/** An agent of one zone and one way of being probed: when these change, another one takes its place. */
class Agent implements ZonedAgent<Agent> {
  readonly name: string;
  readonly hash: number;
  readonly zone: Zone<Agent> | undefined;
  readonly probed: boolean;
  /** Whom it probes without regard to zones. */
  peers: readonly Agent[] = [];
  /** Whom it probes; undefined until that is decided. */
  links: readonly Agent[] | undefined;

  constructor({ name, probed }: RosterEntry, hash: number, zone: Zone<Agent> | undefined, links?: readonly Agent[]) {
    this.name = name;
    this.hash = hash;
    this.zone = zone;
    this.probed = probed;
    this.links = links;
  }

  get zoneName(): string {
    return this.zone?.name ?? '';
  }

  follow(peers: readonly Agent[]): void {
    if (this.probed) this.zone?.count(this.peers, -1);
    this.peers = peers;
    if (this.probed) this.zone?.count(this.peers, 1);
  }

  /** @returns whether these are others than before */
  settle(links: readonly Agent[]): boolean {
    const before = this.links;
    this.links = links;
    return links.length !== before?.length || links.some((peer, place) => peer !== before[place]);
  }
}
