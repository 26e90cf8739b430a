import type { NodeFacts } from '../plan/node-facts.ts';
import { targetStates } from '../plan/target-states.ts';
import type { Link } from '../reports/link-table.ts';
import type { FleetFacts, JudgedDnsPod } from './fleet-facts.ts';
import type { Observations } from './observations.ts';

/** What a stream's attempts are. */
export const streamKinds = { peer: 0, service: 1, server: 2, resolver: 3 } as const;

export interface SceneNode {
  name: string;
  /** Undefined if there is no such Node. */
  facts: NodeFacts | undefined;
  /** Index; −1 if it has none. */
  zone: number;
  /** Whether its own agent counts: it is neither overdue nor about to go. */
  heard: boolean;
}

export interface SceneServer {
  /** `ip:port`. */
  address: string;
  /** Index; −1 if it is not in a pod of this fleet's nodes. */
  node: number;
  isResolver: boolean;
  /** Whether each node has another server at this address, such as a node-local cache. */
  isNodeLocal: boolean;
  /** Share of lookups at the resolver that it answers. */
  share: number;
  pod: JudgedDnsPod | undefined;
}

/** Where a link leads; indexes. */
interface Target {
  kind: number;
  node: number;
  server: number;
  host: number;
}

/** Lists of positions by group. */
export class Groups {
  readonly #starts: Int32Array;
  readonly #positions: Int32Array;

  /** @param groups group of each position; negative: none */
  constructor(groups: Int32Array, size: number, count: number) {
    this.#starts = new Int32Array(count + 1);
    for (let at = 0; at < size; at++) if (groups[at]! >= 0) this.#starts[groups[at]! + 1]!++;
    for (let group = 0; group < count; group++) this.#starts[group + 1]! += this.#starts[group]!;
    const next = this.#starts.slice();
    this.#positions = new Int32Array(this.#starts[count]!);
    for (let at = 0; at < size; at++) if (groups[at]! >= 0) this.#positions[next[groups[at]!]!++] = at;
  }

  of(group: number): Int32Array {
    return this.#positions.subarray(this.#starts[group], this.#starts[group + 1]);
  }
}

/** The streams that count now, as arrays by position, and what they lead through. */
export class Scene {
  readonly nodes: SceneNode[] = [];
  readonly zones: string[] = [];
  readonly servers: SceneServer[] = [];
  readonly hosts: string[] = [];
  /** Agents behind the agents' Service, by node. */
  readonly served: boolean[] = [];
  size = 0;
  readonly stream: Int32Array;
  readonly kind: Uint8Array;
  /** Node of the agent. */
  readonly from: Int32Array;
  /** Node of the target; −1 if the path does not end at a known other node. */
  readonly to: Int32Array;
  readonly server: Int32Array;
  readonly host: Int32Array;
  #fromZone: Int32Array | undefined;
  #toZone: Int32Array | undefined;
  #byFrom: Groups | undefined;
  #byTo: Groups | undefined;
  #byServer: Groups | undefined;
  #resolver: Int32Array | undefined;
  #service: Int32Array | undefined;

  constructor(capacity: number) {
    this.stream = new Int32Array(capacity);
    this.kind = new Uint8Array(capacity);
    this.from = new Int32Array(capacity);
    this.to = new Int32Array(capacity);
    this.server = new Int32Array(capacity);
    this.host = new Int32Array(capacity);
  }

  /** Zone of the agent's node; −1 if it has none. */
  get fromZone(): Int32Array {
    this.#fromZone ??= this.#zonesOf(this.from);
    return this.#fromZone;
  }

  /** Zone of the node of the target; −1 if there is none. */
  get toZone(): Int32Array {
    this.#toZone ??= this.#zonesOf(this.to);
    return this.#toZone;
  }

  isLookup(position: number): boolean {
    return this.kind[position]! >= streamKinds.server;
  }

  get byFrom(): Groups {
    this.#byFrom ??= new Groups(this.from, this.size, this.nodes.length);
    return this.#byFrom;
  }

  get byTo(): Groups {
    this.#byTo ??= new Groups(this.to, this.size, this.nodes.length);
    return this.#byTo;
  }

  get byServer(): Groups {
    this.#byServer ??= new Groups(this.server, this.size, this.servers.length);
    return this.#byServer;
  }

  /** Lookups at the DNS Service. */
  get resolverStreams(): Int32Array {
    this.#resolver ??= this.#ofKind(streamKinds.resolver);
    return this.#resolver;
  }

  /** Dials to the agents' Service. */
  get serviceStreams(): Int32Array {
    this.#service ??= this.#ofKind(streamKinds.service);
    return this.#service;
  }

  #zonesOf(ends: Int32Array): Int32Array {
    const zones = Int32Array.from(this.nodes, ({ zone }) => zone);
    const zoneOf = new Int32Array(this.size);
    for (let at = 0; at < zoneOf.length; at++) zoneOf[at] = ends[at]! < 0 ? -1 : zones[ends[at]!]!;
    return zoneOf;
  }

  #ofKind(kind: number): Int32Array {
    const positions: number[] = [];
    for (let at = 0; at < this.size; at++) if (this.kind[at] === kind) positions.push(at);
    return Int32Array.from(positions);
  }
}

/** So many streams are looked at without a break. */
const streamsPerSlice = 10_000;

/**
 * Chooses the streams that count now: of agents that count, to targets that are judged, at the address that the target
 * has now. Yields between slices.
 */
export function* sceneOf(observations: Observations, facts: FleetFacts, now: number): Generator<void, Scene> {
  const { counts, links, agents } = observations;
  const scene = new Scene(counts.size);
  const builder = new SceneBuilder(scene, facts);
  const fromOf = builder.addAgents(observations, now);
  yield;
  const attempts = counts.sums('attempts', 'whole');
  const targets = new Map<Link, Target | undefined>();
  // Streams and agents that begin between slices are beyond these arrays: the next judgement sees them.
  const size = scene.stream.length;
  for (let stream = 0; stream < size; stream++) {
    if (stream % streamsPerSlice === streamsPerSlice - 1) yield;
    const link = links[stream];
    if (!link || attempts[stream] === 0) continue;
    const from = fromOf[agents[stream]!] ?? -1;
    if (from < 0) continue;
    let target = targets.get(link);
    if (target === undefined && !targets.has(link)) {
      target = builder.targetOf(link);
      targets.set(link, target);
    }
    if (!target) continue;
    const at = scene.size++;
    scene.stream[at] = stream;
    scene.kind[at] = target.kind;
    scene.from[at] = from;
    // What stays on the node does not depend on its network.
    scene.to[at] = target.node === from ? -1 : target.node;
    scene.server[at] = target.server;
    scene.host[at] = target.host;
  }
  return scene;
}

class SceneBuilder {
  readonly #scene: Scene;
  readonly #facts: FleetFacts;
  readonly #nodes = new Map<string, number>();
  readonly #zones = new Map<string, number>();
  readonly #hosts = new Map<string, number>();
  readonly #servers = new Map<string, number>();
  /** Node by the address of its agent, if it is judged. */
  readonly #peers = new Map<string, number>();
  readonly #pods: Map<string, JudgedDnsPod>;
  /** Number of DNS pods that the DNS Service led to, on average over the window. */
  readonly #behindService: number;

  constructor(scene: Scene, facts: FleetFacts) {
    this.#scene = scene;
    this.#facts = facts;
    this.#pods = new Map(facts.dnsPods.map((pod) => [pod.address, pod]));
    this.#behindService = facts.dnsPods.reduce((sum, { readyShare }) => sum + readyShare, 0);
  }

  /** @returns the node of each agent by the agent's number, −1 where its results do not count */
  addAgents(observations: Observations, now: number): Int32Array {
    const fromOf = new Int32Array(observations.agentCount).fill(-1);
    const { nodes, served } = this.#scene;
    for (const { uid, node: name, state, addresses, overdueAt } of this.#facts.agents) {
      if (name === '' || this.#facts.isExempt(name)) continue;
      const { counted, probed, judged } = targetStates[state];
      const node = this.#nodeOf(name);
      if (probed && judged) for (const address of addresses) this.#peers.set(address, node);
      served[node] ||= probed;
      if (!counted || now > overdueAt) continue;
      nodes[node]!.heard = true;
      const number = observations.numberOf(uid);
      if (number !== undefined) fromOf[number] = node;
    }
    for (const pod of this.#facts.dnsPods) this.#serverOf(pod.address);
    return fromOf;
  }

  /** Undefined where results do not count. */
  targetOf({ probe, host, server, node }: Link): Target | undefined {
    if (probe === 'dns') return this.#serverTarget(server, host);
    const none = { server: -1, host: -1 };
    if (node === '' && this.#facts.services.includes(host)) return { kind: streamKinds.service, node: -1, ...none };
    const peer = this.#peers.get(host);
    if (peer === undefined || (node !== '' && this.#scene.nodes[peer]!.name !== node)) return undefined;
    return { kind: streamKinds.peer, node: peer, ...none };
  }

  #serverTarget(address: string, name: string): Target | undefined {
    const pod = this.#pods.get(address);
    if (pod && !(targetStates[pod.state].probed && targetStates[pod.state].judged)) return undefined;
    if (pod?.node !== undefined && this.#facts.isExempt(pod.node)) return undefined;
    const server = this.#serverOf(address);
    const { node, isResolver } = this.#scene.servers[server]!;
    const host = indexOf(this.#hosts, name, () => this.#scene.hosts.push(name));
    return { kind: isResolver ? streamKinds.resolver : streamKinds.server, node, server, host };
  }

  #nodeOf(name: string): number {
    return indexOf(this.#nodes, name, () => {
      const facts = this.#facts.nodes(name);
      const zoneName = facts?.zone ?? '';
      const zone = zoneName === '' ? -1 : indexOf(this.#zones, zoneName, () => this.#scene.zones.push(zoneName));
      this.#scene.nodes.push({ name, facts, zone, heard: false });
    });
  }

  #serverOf(address: string): number {
    return indexOf(this.#servers, address, () => {
      const pod = this.#pods.get(address);
      this.#scene.servers.push({
        address,
        node: pod?.node === undefined ? -1 : this.#nodeOf(pod.node),
        isResolver: this.#facts.resolvers.includes(address),
        isNodeLocal: nodeLocal.test(address),
        share: this.#behindService > 0 ? (pod?.readyShare ?? 0) / this.#behindService : 0,
        pod,
      });
    });
  }
}

/** Link-local and loopback addresses. */
const nodeLocal = /^(169\.254\.|127\.|\[fe80:|\[::1\])/;

/** The index of a name, which is added if it is new. */
function indexOf(indexes: Map<string, number>, name: string, add: () => void): number {
  const known = indexes.get(name);
  if (known !== undefined) return known;
  const index = indexes.size;
  indexes.set(name, index);
  add();
  return index;
}
