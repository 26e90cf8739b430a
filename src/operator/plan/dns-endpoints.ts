import { hashPair, hashText } from './seeded-hash.ts';

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
 * Which DNS pods each agent asks directly: those with the highest hashes of (agent, pod), called rendezvous hashing (Thaler and
 * Ravishankar, 1998), so that a pod that comes or goes concerns as few agents as can be. Where that leaves pods out that there are
 * agents enough for, each takes the place of one that several ask. The outcome depends on the seed, the agents and the pods
 * alone, neither on their order nor on what was before.
 */
export class DnsEndpoints {
  readonly #seed: number;
  readonly #agents = new Map<string, Asker>();
  #pods: DnsPods = { servers: [], perAgent: 0 };
  #hashes: number[] = [];
  /** Those that ask others than by hash alone. */
  #moved: readonly Asker[] = [];

  /** @param seed other seeds give other outcomes */
  constructor(seed: string) {
    this.#seed = hashText(seed);
  }

  /** Whom an agent asks; none where the agent is not known. */
  serversOf(name: string): readonly string[] {
    return (this.#agents.get(name)?.servers ?? []).map((server) => this.#pods.servers[server]!);
  }

  /** @returns the names of the agents that ask others than before; of new ones those that ask any */
  update(changes: readonly AgentChange[], { servers, perAgent }: DnsPods): Set<string> {
    const before = this.#pods.servers;
    const pods = { servers: servers.toSorted(), perAgent };
    const others = pods.perAgent !== this.#pods.perAgent || pods.servers.join() !== before.join();
    const touched = new Set<Asker>();
    for (const { name, present } of changes) {
      if (!present) this.#agents.delete(name);
      else if (!this.#agents.has(name)) {
        const agent = { name, hash: hashText(name, this.#seed), own: [], servers: [] };
        this.#agents.set(name, agent);
        touched.add(agent);
      }
    }
    if (others) {
      this.#pods = pods;
      this.#hashes = pods.servers.map((server) => hashText(server, this.#seed));
      for (const agent of this.#agents.values()) touched.add(agent);
    }
    for (const agent of touched) agent.own = this.#highest(agent);
    const moved = this.#takeIn();
    for (const agent of [...this.#moved, ...moved.keys()]) touched.add(agent);
    this.#moved = [...moved.keys()];
    const changed = new Set<string>();
    for (const agent of touched) {
      if (this.#agents.get(agent.name) !== agent) continue;
      const asked = agent.servers;
      agent.servers = moved.get(agent) ?? agent.own;
      const isSame = (server: number, place: number) => pods.servers[server] === before[asked[place] ?? -1];
      if (asked.length !== agent.servers.length || !agent.servers.every(isSame)) changed.add(agent.name);
    }
    return changed;
  }

  /** The places of the pods with the highest hashes, the highest first. */
  #highest({ hash }: Asker): number[] {
    const { perAgent } = this.#pods;
    const highest: number[] = [];
    const weights: number[] = [];
    for (const [server, other] of this.#hashes.entries()) {
      const weight = hashPair(hash, other);
      let place = highest.length;
      while (place > 0 && weights[place - 1]! < weight) place--;
      if (place === perAgent) continue;
      highest.splice(place, 0, server);
      weights.splice(place, 0, weight);
      if (highest.length > perAgent) highest.length = weights.length = perAgent;
    }
    return highest;
  }

  /** @returns what those agents ask that take in pods which nobody would ask otherwise */
  #takeIn(): Map<Asker, number[]> {
    const moved = new Map<Asker, number[]>();
    const askers = new Int32Array(this.#pods.servers.length);
    for (const { own } of this.#agents.values()) for (const server of own) askers[server]! += 1;
    const left = [...askers.keys()].filter((server) => askers[server] === 0);
    if (left.length === 0 || this.#pods.perAgent === 0) return moved;
    const agents = [...this.#agents.values()].sort((a, b) => a.hash - b.hash || (a.name < b.name ? -1 : 1));
    for (const server of left) {
      // From the pod's place among the agents on, the first one that can spare another.
      const start = agents.findIndex(({ hash }) => hash > this.#hashes[server]!);
      for (let step = 0; step < agents.length; step++) {
        const agent = agents[(Math.max(0, start) + step) % agents.length]!;
        const asks = moved.get(agent) ?? agent.own;
        const spared = asks.findLastIndex((other) => askers[other]! > 1);
        if (spared < 0) continue;
        askers[asks[spared]!]! -= 1;
        askers[server] = 1;
        moved.set(agent, asks.with(spared, server));
        break;
      }
    }
    return moved;
  }
}

interface Asker {
  readonly name: string;
  readonly hash: number;
  /** The pods that it asks by hash alone, by their place among all. */
  own: number[];
  /** The pods that it asks. */
  servers: number[];
}
