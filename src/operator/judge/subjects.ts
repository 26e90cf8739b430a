import { maxSuspectName, type SuspectKind, suspectKinds } from '../../contract/suspects.ts';
import { type Scene, type SceneServer, streamKinds } from './scene.ts';

/**
 * A possible culprit, by indexes in a scene. `b` is used by pairs, where `a < b`: of nodes (Link; a server is
 * `nodes.length` and its index) or of zones. It is 0 for all others.
 */
export interface Subject {
  kind: SuspectKind;
  a: number;
  b: number;
}

/**
 * Part of a subject at fault. Node: probes that others open, or that it opens. Link and ZonePair: `out` from `a` to
 * `b`, `in` from `b` to `a`. ServicePath: `out` the agents' Service, `in` the DNS Service.
 */
export type Direction = 'all' | 'in' | 'out';

const oneDirection: readonly Direction[] = ['all'];
const inOut: readonly Direction[] = ['all', 'in', 'out'];

/** The directions of a kind. */
export function directionsOf({ kind, b }: Subject, scene: Scene): readonly Direction[] {
  if (kind === 'Link') return b >= scene.nodes.length ? ['out'] : inOut;
  return kind === 'Node' || kind === 'ServicePath' || kind === 'ZonePair' ? inOut : oneDirection;
}

/** Whether a suspect affects many streams, so that several narrow ones may explain them better. */
export function isWide({ kind }: Subject): boolean {
  return kind === 'Node' || kind === 'ZonePair' || kind === 'Zone' || kind === 'DNSServer';
}

/** Whether only the agents at its ends see a suspect of this kind. */
export function isPath({ kind }: Subject): boolean {
  return kind === 'Link' || kind === 'ServicePath';
}

/** Whether dials alone must speak for a suspect of this kind: two bad DNS pods in a zone are not the zone. */
export function needsDials({ kind }: Subject): boolean {
  return kind === 'Node' || kind === 'ZonePair' || kind === 'Zone';
}

/** The node that sees what a stream says of a subject: the agent's, or for a node its peer. */
export function witnessOf(scene: Scene, { kind, a }: Subject, at: number): number {
  const from = scene.from[at]!;
  return kind === 'Node' && from === a ? scene.to[at]! : from;
}

/** More than there are kinds, and than there are nodes and servers together. */
const kinds = 16;
const base = 2 ** 20;

const kindNumbers = Object.fromEntries(suspectKinds.map((kind, number) => [kind, number])) as Record<
  SuspectKind,
  number
>;

/** A number that identifies a subject within a scene: a small one for all but pairs, since maps are faster then. */
export function idOf({ kind, a, b }: Subject): number {
  return (b * base + a) * kinds + kindNumbers[kind];
}

export function subjectOf(id: number): Subject {
  const kind = id % kinds;
  const rest = (id - kind) / kinds;
  const a = rest % base;
  return { kind: suspectKinds[kind]!, a, b: (rest - a) / base };
}

/** Numbers of subjects by kind, which their prior costs depend on. */
export function subjectCounts(scene: Scene): Record<SuspectKind, number> {
  let links = 0;
  for (let at = 0; at < scene.size; at++)
    if (scene.kind[at] === streamKinds.peer || scene.kind[at] === streamKinds.server) links++;
  const zones = scene.zones.length;
  return {
    Node: scene.nodes.length,
    Link: links,
    ServicePath: scene.nodes.length,
    ZonePair: (zones * (zones - 1)) / 2,
    Zone: zones,
    DNSServer: scene.servers.length,
    Host: scene.hosts.length,
  };
}

/**
 * Whether a subject is not the same as a narrower one: a zone of one node is the node, one of two zones is the pair of
 * both, and a pair of zones with one link is the link.
 */
export class Admission {
  readonly #scene: Scene;
  readonly #nodes: number[];

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#nodes = scene.zones.map(() => 0);
    for (const { zone } of scene.nodes) if (zone >= 0) this.#nodes[zone]!++;
  }

  admits({ kind, a, b }: Subject): boolean {
    const nodes = this.#nodes;
    if (kind === 'Zone') return nodes.length > 2 && nodes[a]! >= 2;
    if (kind === 'ZonePair') return nodes[a]! >= 2 || nodes[b]! >= 2;
    if (kind === 'DNSServer') return !this.#scene.servers[a]!.isNodeLocal;
    return true;
  }
}

/** Name of the ClusterIPs of both Services. */
export const bothServices = 'ClusterIPs';

/** What a name has of each end of a pair, so that both ends and what is between them fit into `maxSuspectName`. */
const maxEndName = 125;

/** The name of a subject, and a key that does not depend on the direction. */
export function namesOf({ kind, a, b }: Subject, direction: Direction, scene: Scene): { name: string; key: string } {
  const end = (index: number) =>
    (scene.nodes[index]?.name ?? scene.servers[index - scene.nodes.length]!.address).slice(0, maxEndName);
  switch (kind) {
    case 'Node':
      return named(kind, scene.nodes[a]!.name);
    case 'Link':
      return paired(kind, [end(a), end(b)], direction);
    case 'ZonePair':
      return paired(kind, [scene.zones[a]!, scene.zones[b]!], direction);
    case 'ServicePath':
      return { name: `${end(a)}>${servicesOf(direction, scene)}`, key: `${kind} ${end(a)}` };
    case 'Zone':
      return named(kind, scene.zones[a]!);
    case 'DNSServer':
      return named(kind, scene.servers[a]!.address);
    case 'Host':
      // One with a dot at the end may be longer by that.
      return named(kind, scene.hosts[a]!.slice(0, maxSuspectName));
  }
}

/** The key of a suspect by its name, as in the status of a former leader. */
export function keyOfName(kind: SuspectKind, name: string): string {
  if (kind === 'ServicePath') return `${kind} ${name.split('>', 1)[0]}`;
  const ends = kind === 'Link' || kind === 'ZonePair' ? name.split(/<?>/) : [name];
  return `${kind} ${ends.sort().join(' ')}`;
}

function named(kind: SuspectKind, name: string): { name: string; key: string } {
  return { name, key: `${kind} ${name}` };
}

function paired(kind: SuspectKind, [a, b]: readonly [string, string], direction: Direction) {
  const [first, second] = direction === 'in' || (direction === 'all' && a > b) ? [b, a] : [a, b];
  const name = `${first}${direction === 'all' ? '<>' : '>'}${second}`;
  return { name, key: `${kind} ${[a, b].sort().join(' ')}` };
}

function servicesOf(direction: Direction, { servers }: Scene): string {
  if (direction === 'all') return bothServices;
  if (direction === 'out') return 'agents';
  return servers.find(({ isResolver }: SceneServer) => isResolver)?.address ?? bothServices;
}
