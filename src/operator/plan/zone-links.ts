import { hashPair } from '../../base/hash.ts';
import type { Placed } from './cyclic-orders.ts';

/** At most this many links more than its own has an agent out of which zones are linked. */
const maxExtraLinks = 2;

/** An agent that is probed, with its links as they are without regard to zones. */
export interface ZonedAgent<T extends ZonedAgent<T>> extends Placed {
  /** Undefined where the node's zone is not known. */
  readonly zone: Zone<T> | undefined;
  readonly peers: readonly T[];
}

/** The agents of a zone that are probed, and how many of their own links lead where. */
export class Zone<T extends ZonedAgent<T>> {
  readonly name: string;
  /** Of the name and the seed. */
  readonly hash: number;
  readonly members = new Set<T>();
  /** By the zone where they lead. */
  readonly links = new Map<Zone<T>, number>();

  constructor(name: string, hash: number) {
    this.name = name;
    this.hash = hash;
  }

  /** How many other zones they lead to. */
  get linked(): number {
    let linked = 0;
    for (const [zone, count] of this.links) if (count > 0 && zone !== this) linked++;
    return linked;
  }

  /** Counts links out of this zone to these agents. @param times 1, or -1 when they are links no more */
  count(peers: readonly T[], times: 1 | -1): void {
    for (const { zone } of peers) if (zone) this.links.set(zone, (this.links.get(zone) ?? 0) + times);
  }
}

/** Ordered pairs of zones without a link. There may be millions of them: they are counted, and one is named. */
export interface UncoveredPairs {
  count: number;
  /** By the zones' names. */
  first: readonly [from: string, to: string];
}

export interface ZoneLinks<T> {
  /** The links of agents that have others than their own. */
  links: Map<T, T[]>;
  /** Undefined where every pair has a link. */
  uncovered: UncoveredPairs | undefined;
}

/**
 * Gives every ordered pair of zones a link. One that has none gets it in place of a link inside a zone or of one whose
 * pair has another; where no agent of the zone has such a link, on top of an agent's links. The link to an agent's
 * successor in the first order stays, so that everyone stays reachable from everyone. Which agents are chosen depends
 * on hashes: of the same agents the same, and of almost the same mostly the same.
 */
export function zoneLinks<T extends ZonedAgent<T>>(zones: Iterable<Zone<T>>): ZoneLinks<T> {
  const inhabited = [...zones].filter(({ members }) => members.size > 0).sort((a, b) => (a.name < b.name ? -1 : 1));
  const links = new Map<T, T[]>();
  let uncovered: UncoveredPairs | undefined;
  for (const from of inhabited) {
    let missing = inhabited.length - 1 - from.linked;
    if (missing === 0) continue;
    const source = new SourceZone(from, links);
    for (const to of inhabited) {
      if (to === from || from.links.get(to)) continue;
      if (!source.link(to)) {
        uncovered = { count: (uncovered?.count ?? 0) + missing, first: uncovered?.first ?? [from.name, to.name] };
        break;
      }
      missing -= 1;
    }
  }
  return { links, uncovered };
}

/** The agents of one zone while they get links to others. */
class SourceZone<T extends ZonedAgent<T>> {
  readonly #zone: Zone<T>;
  readonly #counts: Map<Zone<T>, number>;
  readonly #links: Map<T, T[]>;

  constructor(zone: Zone<T>, links: Map<T, T[]>) {
    this.#zone = zone;
    this.#counts = new Map(zone.links);
    this.#links = links;
  }

  /** @returns false when no agent can have one more, wherever it leads: then none will */
  link(zone: Zone<T>): boolean {
    const { members } = this.#zone;
    const source =
      heaviest(members, zone.hash, (agent) => this.#replaceable(agent) >= 0) ??
      heaviest(members, zone.hash, (agent) => this.#linksOf(agent).length < agent.peers.length + maxExtraLinks);
    if (source === undefined) return false;
    const links = this.#links.get(source) ?? [...source.peers];
    this.#links.set(source, links);
    const replaced = this.#replaceable(source);
    if (replaced >= 0) this.#count(links[replaced]!.zone, -1);
    links[replaced >= 0 ? replaced : links.length] = heaviest(zone.members, source.hash, () => true)!;
    this.#count(zone, 1);
    return true;
  }

  /** The place of the last link that no zone needs; -1 where there is none. */
  #replaceable(agent: T): number {
    return this.#linksOf(agent).findLastIndex(
      ({ zone }, place) => place > 0 && (zone === undefined || zone === this.#zone || this.#counts.get(zone)! > 1),
    );
  }

  #linksOf(agent: T): readonly T[] {
    return this.#links.get(agent) ?? agent.peers;
  }

  #count(zone: Zone<T> | undefined, times: 1 | -1): void {
    if (zone) this.#counts.set(zone, (this.#counts.get(zone) ?? 0) + times);
  }
}

/** Of the agents that are fit the one with the highest hash of (it, salt): rendezvous hashing. */
function heaviest<T extends Placed>(agents: Iterable<T>, salt: number, isFit: (agent: T) => boolean): T | undefined {
  let best: T | undefined;
  let bestWeight = -1;
  for (const agent of agents) {
    const weight = hashPair(agent.hash, salt);
    if (weight < bestWeight || (weight === bestWeight && best!.name < agent.name)) continue;
    if (!isFit(agent)) continue;
    best = agent;
    bestWeight = weight;
  }
  return best;
}
