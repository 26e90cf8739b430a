import { Groups, type Scene, streamKinds } from './scene.ts';
import type { Direction, Subject } from './subjects.ts';

/** Which streams a subject would spoil, and which share of the attempts of each. */
export interface Scope {
  positions: Int32Array;
  shares: Float64Array;
}

/** A scope in the making, in memory that the next one uses again: the largest have half of all streams. */
class ScopeBuffer {
  #positions = new Int32Array(1024);
  #shares = new Float64Array(1024);
  #size = 0;

  clear(): void {
    this.#size = 0;
  }

  add(at: number, share: number): void {
    if (share <= 0) return;
    if (this.#size === this.#positions.length) this.#grow();
    this.#positions[this.#size] = at;
    this.#shares[this.#size++] = share;
  }

  addAll(positions: Int32Array, share: number): void {
    if (share <= 0) return;
    while (this.#size + positions.length > this.#positions.length) this.#grow();
    this.#positions.set(positions, this.#size);
    this.#size += positions.length;
    this.#shares.fill(share, this.#size - positions.length, this.#size);
  }

  get scope(): Scope {
    return { positions: this.#positions.subarray(0, this.#size), shares: this.#shares.subarray(0, this.#size) };
  }

  #grow(): void {
    const [positions, shares] = [this.#positions, this.#shares];
    this.#positions = new Int32Array(2 * positions.length);
    this.#positions.set(positions);
    this.#shares = new Float64Array(2 * shares.length);
    this.#shares.set(shares);
  }
}

/** Dials to the agents' Service are attributed to single nodes up to so many; with more, a share does not show. */
const maxServed = 100;

/** Finds the scopes of subjects. */
export class Scopes {
  readonly #scene: Scene;
  /** Share of lookups at the DNS Service that each node or zone answers. */
  readonly #podsOnNode: Float64Array;
  readonly #podsInZone: Float64Array;
  /** Share of dials to the agents' Service that each node or zone answers. */
  readonly #servedByNode: Float64Array;
  readonly #servedInZone: Float64Array;
  #byZone: Groups | undefined;
  #toZone: Groups | undefined;
  #byHost: Groups | undefined;
  readonly #buffer = new ScopeBuffer();

  constructor(scene: Scene) {
    this.#scene = scene;
    const { nodes, zones, servers, served } = scene;
    this.#podsOnNode = new Float64Array(nodes.length);
    this.#servedByNode = new Float64Array(nodes.length);
    for (const { node, share } of servers) if (node >= 0) this.#podsOnNode[node]! += share;
    const count = served.filter(Boolean).length;
    for (let node = 0; node < nodes.length; node++) this.#servedByNode[node] = served[node] ? 1 / count : 0;
    const inZones = (shares: Float64Array) => {
      const sums = new Float64Array(zones.length);
      for (const [node, { zone }] of nodes.entries()) if (zone >= 0) sums[zone]! += shares[node]!;
      return sums;
    };
    this.#podsInZone = inZones(this.#podsOnNode);
    this.#servedInZone = inZones(this.#servedByNode);
  }

  /** The result is valid until the next call. */
  of({ kind, a, b }: Subject, direction: Direction): Scope {
    const scope = this.#buffer;
    scope.clear();
    const isForth = direction !== 'in';
    const isBack = direction !== 'out';
    switch (kind) {
      case 'Node':
        if (isBack) this.#addInbound(scope, a);
        if (isForth) this.#addOutbound(scope, a);
        break;
      case 'Link':
        if (isForth) this.#addLink(scope, a, b);
        if (isBack) this.#addLink(scope, b, a);
        break;
      case 'ServicePath':
        this.#addServicePath(scope, a, direction);
        break;
      case 'ZonePair':
        if (isForth) this.#addZonePair(scope, a, b);
        if (isBack) this.#addZonePair(scope, b, a);
        break;
      case 'Zone':
        this.#addZone(scope, a);
        break;
      case 'DNSServer':
        scope.addAll(this.#scene.byServer.of(a), 1);
        scope.addAll(this.#scene.resolverStreams, this.#scene.servers[a]!.share);
        break;
      case 'Host':
        this.#byHost ??= new Groups(this.#scene.host, this.#scene.size, this.#scene.hosts.length);
        scope.addAll(this.#byHost.of(a), 1);
        break;
    }
    return scope.scope;
  }

  #addInbound(scope: ScopeBuffer, node: number): void {
    scope.addAll(this.#scene.byTo.of(node), 1);
    const pods = this.#podsOnNode[node]!;
    if (pods > 0) this.#addOthers(scope, this.#scene.resolverStreams, node, pods);
    if (this.#scene.served.length <= maxServed)
      this.#addOthers(scope, this.#scene.serviceStreams, node, this.#servedByNode[node]!);
  }

  #addOthers(scope: ScopeBuffer, positions: Int32Array, node: number, share: number): void {
    if (share === 0) return;
    for (const at of positions) if (this.#scene.from[at] !== node) scope.add(at, share);
  }

  #addOutbound(scope: ScopeBuffer, node: number): void {
    const { kind, server, servers } = this.#scene;
    for (const at of this.#scene.byFrom.of(node)) {
      if (kind[at] === streamKinds.resolver) scope.add(at, 1 - this.#podsOnNode[node]!);
      else if (kind[at] === streamKinds.service) scope.add(at, 1 - this.#servedByNode[node]!);
      else if (kind[at] !== streamKinds.server || servers[server[at]!]!.node !== node) scope.add(at, 1);
    }
  }

  /** Dials, and lookups at DNS pods on the other node; or lookups at one server. */
  #addLink(scope: ScopeBuffer, from: number, to: number): void {
    const { nodes, kind, server, served } = this.#scene;
    if (from >= nodes.length) return;
    const isNode = to < nodes.length;
    const serviceShare = isNode && served.length <= maxServed ? this.#servedByNode[to]! : 0;
    for (const at of this.#scene.byFrom.of(from)) {
      if (!isNode) {
        if (server[at] === to - nodes.length) scope.add(at, 1);
      } else if (this.#scene.to[at] === to) scope.add(at, 1);
      else if (kind[at] === streamKinds.resolver) scope.add(at, this.#podsOnNode[to]!);
      else if (kind[at] === streamKinds.service) scope.add(at, serviceShare);
    }
  }

  #addServicePath(scope: ScopeBuffer, node: number, direction: Direction): void {
    const { kind } = this.#scene;
    for (const at of this.#scene.byFrom.of(node)) {
      if (kind[at] === streamKinds.service && direction !== 'in') scope.add(at, 1);
      if (kind[at] === streamKinds.resolver && direction !== 'out') scope.add(at, 1);
    }
  }

  #addZonePair(scope: ScopeBuffer, from: number, to: number): void {
    const { kind, toZone } = this.#scene;
    for (const at of this.#fromZone(from)) {
      if (kind[at] === streamKinds.resolver) scope.add(at, this.#podsInZone[to]!);
      else if (kind[at] === streamKinds.service) scope.add(at, this.#servedInZone[to]!);
      else if (toZone[at] === to) scope.add(at, 1);
    }
  }

  /** Everything that crosses the border of a zone. */
  #addZone(scope: ScopeBuffer, zone: number): void {
    const { kind, to, servers, server, fromZone, toZone } = this.#scene;
    for (const at of this.#fromZone(zone)) {
      if (kind[at] === streamKinds.resolver) scope.add(at, 1 - this.#podsInZone[zone]!);
      else if (kind[at] === streamKinds.service) scope.add(at, 1 - this.#servedInZone[zone]!);
      else if (to[at]! >= 0 ? toZone[at] !== zone : isElsewhere(servers[server[at]!])) scope.add(at, 1);
    }
    this.#toZone ??= this.#groupsByZone(toZone);
    for (const at of this.#toZone.of(zone)) if (fromZone[at] !== zone) scope.add(at, 1);
    for (const at of this.#scene.resolverStreams) if (fromZone[at] !== zone) scope.add(at, this.#podsInZone[zone]!);
    for (const at of this.#scene.serviceStreams) if (fromZone[at] !== zone) scope.add(at, this.#servedInZone[zone]!);
  }

  #fromZone(zone: number): Int32Array {
    this.#byZone ??= this.#groupsByZone(this.#scene.fromZone);
    return this.#byZone.of(zone);
  }

  #groupsByZone(zoneOf: Int32Array): Groups {
    const { size, zones } = this.#scene;
    return new Groups(zoneOf, size, zones.length);
  }
}

/** Whether a server is outside the cluster's nodes. */
function isElsewhere(server: { node: number; isNodeLocal: boolean } | undefined): boolean {
  return server !== undefined && server.node < 0 && !server.isNodeLocal;
}
