import { hash32, hashPair } from '../../base/hash.ts';

/** One agent that comes or goes. */
export interface AgentChange {
  name: string;
  present: boolean;
}

/** What decides how many of which DNS pods agents ask. */
export interface DnsPods {
  /** Each as `ip:port`, each once. */
  servers: readonly string[];
  perAgent: number;
}

/**
 * Which DNS pods each agent asks directly: those with the highest hashes of (agent, pod), called rendezvous hashing
 * (Thaler and Ravishankar, 1998), so that a pod that comes or goes concerns as few agents as can be. Where that leaves
 * pods out that there are agents enough for, each takes the place of one that several ask. The outcome depends on the
 * seed, the agents and the pods alone, neither on their order nor on what was before.
 */
export class DnsEndpoints {
  readonly #seed: number;
  readonly #agents = new Map<string, Asker>();
  /** By their addresses. */
  #servers: readonly Server[] = [];
  #perAgent = 0;
  /** Those that ask others than by hash alone. */
  #moved: readonly Asker[] = [];

  /** @param seed other seeds give other outcomes */
  constructor(seed: string) {
    this.#seed = hash32(seed);
  }

  /** Whom an agent asks; none where the agent is not known. */
  serversOf(name: string): readonly string[] {
    return (this.#agents.get(name)?.servers ?? []).map(({ address }) => address);
  }

  /** @returns the names of the agents that ask others than before; of new ones those that ask any */
  update(changes: readonly AgentChange[], pods: DnsPods): Set<string> {
    const touched = new Set<Asker>();
    this.#replaceServers(pods, touched);
    for (const { name, present } of changes) {
      if (!present) this.#agents.delete(name);
      else if (!this.#agents.has(name)) {
        const agent: Asker = { name, hash: hash32(name, this.#seed), own: [], servers: [] };
        agent.own = this.#highest(agent, [], this.#servers);
        this.#agents.set(name, agent);
        touched.add(agent);
      }
    }
    const moved = this.#takeIn();
    for (const agent of [...this.#moved, ...moved.keys()]) touched.add(agent);
    this.#moved = [...moved.keys()];
    const changed = new Set<string>();
    for (const agent of touched) {
      if (this.#agents.get(agent.name) !== agent) continue;
      const asked = agent.servers;
      agent.servers = moved.get(agent) ?? agent.own;
      const isSame = (server: Server, place: number) => server === asked[place];
      if (asked.length !== agent.servers.length || !agent.servers.every(isSame)) changed.add(agent.name);
    }
    return changed;
  }

  /**
   * Brings what agents ask by hash alone up to date: who asked a pod that goes looks through all again, everyone at
   * those that come.
   * @param touched gets the agents for which that changes something
   */
  #replaceServers({ servers, perAgent }: DnsPods, touched: Set<Asker>): void {
    const gone = new Map(this.#servers.map((server) => [server.address, server]));
    const added: Server[] = [];
    this.#servers = servers.toSorted().map((address) => {
      const known = gone.get(address);
      if (known && gone.delete(address)) return known;
      const server = { address, hash: hash32(address, this.#seed) };
      added.push(server);
      return server;
    });
    const removed = new Set(gone.values());
    const anew = perAgent !== this.#perAgent;
    this.#perAgent = perAgent;
    if (!anew && added.length + removed.size === 0) return;
    for (const agent of this.#agents.values()) {
      const { own } = agent;
      const isLost = anew || own.some((server) => removed.has(server));
      agent.own = isLost ? this.#highest(agent, [], this.#servers) : this.#highest(agent, own, added);
      if (agent.own !== own) touched.add(agent);
    }
  }

  /**
   * The pods with the highest hashes, the highest first, those of the same hash by address.
   * @param known the highest of some pods; returned itself where none of the others is higher
   */
  #highest({ hash }: Asker, known: readonly Server[], others: readonly Server[]): readonly Server[] {
    const highest = [...known];
    const weights = known.map((server) => hashPair(hash, server.hash));
    let isKnown = true;
    for (const server of others) {
      const weight = hashPair(hash, server.hash);
      let place = highest.length;
      while (place > 0 && isBefore(server, weight, highest[place - 1]!, weights[place - 1]!)) place--;
      if (place === this.#perAgent) continue;
      isKnown = false;
      highest.splice(place, 0, server);
      weights.splice(place, 0, weight);
      if (highest.length > this.#perAgent) highest.length = weights.length = this.#perAgent;
    }
    return isKnown ? known : highest;
  }

  /** @returns what those agents ask that take in pods which nobody would ask otherwise */
  #takeIn(): Map<Asker, readonly Server[]> {
    const moved = new Map<Asker, readonly Server[]>();
    const askers = new Map<Server, number>();
    const count = (server: Server, times: 1 | -1) => askers.set(server, (askers.get(server) ?? 0) + times);
    for (const { own } of this.#agents.values()) for (const server of own) count(server, 1);
    const left = this.#servers.filter((server) => !askers.has(server));
    if (left.length === 0 || this.#perAgent === 0) return moved;
    const agents = [...this.#agents.values()].sort((a, b) => a.hash - b.hash || (a.name < b.name ? -1 : 1));
    for (const server of left) {
      // From the pod's place among the agents on, the first one that can spare another.
      const start = firstAfter(agents, server.hash);
      for (let step = 0; step < agents.length; step++) {
        const agent = agents[(start + step) % agents.length]!;
        const asks = moved.get(agent) ?? agent.own;
        const spared = asks.findLastIndex((other) => askers.get(other)! > 1);
        if (spared < 0) continue;
        count(asks[spared]!, -1);
        count(server, 1);
        moved.set(agent, asks.with(spared, server));
        break;
      }
    }
    return moved;
  }
}

/** Whether an agent prefers a pod to another one. */
function isBefore(server: Server, weight: number, other: Server, otherWeight: number): boolean {
  return weight > otherWeight || (weight === otherWeight && server.address < other.address);
}

/** The index of the first agent whose hash is higher, which may be the length. */
function firstAfter(agents: readonly Asker[], hash: number): number {
  let low = 0;
  let high = agents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (agents[middle]!.hash <= hash) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Server {
  /** As `ip:port`. */
  readonly address: string;
  readonly hash: number;
}

interface Asker {
  readonly name: string;
  readonly hash: number;
  /** The pods that it asks by hash alone. */
  own: readonly Server[];
  /** The pods that it asks. */
  servers: readonly Server[];
}
