import type { Likelihood } from './likelihood.ts';
import { type Scene, streamKinds } from './scene.ts';
import { idOf } from './subjects.ts';

/**
 * Sums up the most that each subject can explain, in nats, from the streams that may be bad because of it. In arrays by
 * number: at 3,000 nodes up to 20,000 links fail at once, and a map of them is slow.
 */
export class Bounds {
  readonly #scene: Scene;
  readonly #nodes: Float64Array;
  readonly #paths: Float64Array;
  readonly #zones: Float64Array;
  readonly #servers: Float64Array;
  readonly #hosts: Float64Array;
  /** By id. */
  readonly #zonePairs = new Map<number, number>();
  /** Numbers of links by id, and ids and sums by number. */
  readonly #linkNumbers = new Map<number, number>();
  readonly #linkIds: number[] = [];
  readonly #links: number[] = [];
  /** By position: 1 and the number of its link, and of its link to a server. 0: not known yet. */
  readonly #linkOf: Int32Array;
  readonly #serverLinkOf: Int32Array;
  /** Of lookups at the DNS Service. */
  #atResolver = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#nodes = new Float64Array(scene.nodes.length);
    this.#paths = new Float64Array(scene.nodes.length);
    this.#zones = new Float64Array(scene.zones.length);
    this.#servers = new Float64Array(scene.servers.length);
    this.#hosts = new Float64Array(scene.hosts.length);
    this.#linkOf = new Int32Array(scene.size);
    this.#serverLinkOf = new Int32Array(scene.size);
  }

  clear(): void {
    for (const sums of [this.#nodes, this.#paths, this.#zones, this.#servers, this.#hosts, this.#links]) sums.fill(0);
    this.#zonePairs.clear();
    this.#atResolver = 0;
  }

  /** Adds what can be explained of some streams. */
  add(positions: Int32Array, likelihood: Likelihood): void {
    for (let index = 0; index < positions.length; index++) {
      const most = likelihood.mostOf(positions[index]!);
      if (most > 0) this.#add(positions[index]!, most);
    }
  }

  /** Calls back with each subject that can explain anything. */
  each(callback: (id: number, most: number) => void): void {
    this.#addBehindResolver();
    const call = (kind: Parameters<typeof idOf>[0]['kind'], sums: Float64Array) => {
      for (let a = 0; a < sums.length; a++) if (sums[a]! > 0) callback(idOf({ kind, a, b: 0 }), sums[a]!);
    };
    call('Node', this.#nodes);
    call('ServicePath', this.#paths);
    call('Zone', this.#zones);
    call('DNSServer', this.#servers);
    call('Host', this.#hosts);
    for (const [id, most] of this.#zonePairs) callback(id, most);
    for (const [number, most] of this.#links.entries()) if (most > 0) callback(this.#linkIds[number]!, most);
  }

  #add(at: number, most: number): void {
    const scene = this.#scene;
    const from = scene.from[at]!;
    const kind = scene.kind[at]!;
    this.#nodes[from]! += most;
    if (kind === streamKinds.service || kind === streamKinds.resolver) this.#paths[from]! += most;
    if (kind === streamKinds.service) return;
    if (kind !== streamKinds.peer) {
      const server = scene.server[at]!;
      this.#hosts[scene.host[at]!]! += most;
      this.#servers[server]! += most;
      if (kind === streamKinds.resolver) {
        this.#atResolver += most;
        return;
      }
      this.#addLink(this.#serverLinkOf, at, scene.nodes.length + server, most);
    }
    const to = scene.to[at]!;
    if (to < 0) return;
    this.#addLink(this.#linkOf, at, to, most);
    this.#nodes[to]! += most;
    const [fromZone, toZone] = [scene.fromZone[at]!, scene.toZone[at]!];
    if (fromZone === toZone) return;
    if (fromZone >= 0) this.#zones[fromZone]! += most;
    if (toZone >= 0) this.#zones[toZone]! += most;
    if (fromZone < 0 || toZone < 0) return;
    const pair = idOf({ kind: 'ZonePair', a: Math.min(fromZone, toZone), b: Math.max(fromZone, toZone) });
    this.#zonePairs.set(pair, (this.#zonePairs.get(pair) ?? 0) + most);
  }

  #addLink(known: Int32Array, at: number, to: number, most: number): void {
    let number = known[at]! - 1;
    if (number < 0) {
      const from = this.#scene.from[at]!;
      number = this.#numberOf(idOf({ kind: 'Link', a: Math.min(from, to), b: Math.max(from, to) }));
      known[at] = number + 1;
    }
    this.#links[number]! += most;
  }

  #numberOf(id: number): number {
    const known = this.#linkNumbers.get(id);
    if (known !== undefined) return known;
    const number = this.#links.push(0) - 1;
    this.#linkNumbers.set(id, number);
    this.#linkIds.push(id);
    return number;
  }

  /** Lookups at the DNS Service may be bad because of its pods, their nodes, and the zones that are bad otherwise. */
  #addBehindResolver(): void {
    const most = this.#atResolver;
    if (most === 0) return;
    for (const [zone, known] of this.#zones.entries()) if (known > 0) this.#zones[zone] = known + most;
    for (const [pair, known] of this.#zonePairs) this.#zonePairs.set(pair, known + most);
    const nodes = new Set<number>();
    for (const [index, { share, node }] of this.#scene.servers.entries()) {
      if (share === 0) continue;
      this.#servers[index]! += most;
      if (node >= 0) nodes.add(node);
    }
    for (const node of nodes) this.#nodes[node]! += most;
    this.#atResolver = 0;
  }
}
