import { hashPair } from '../../base/hash.ts';

/** What has a place in every order. */
export interface Placed {
  readonly name: string;
  /** Of the name and the seed. */
  readonly hash: number;
}

/**
 * Several cyclic orders of the same members, each by another hash. Whoever takes the next member in each order takes
 * evenly, and whoever comes or goes concerns only those right before it.
 */
export class CyclicOrders<T extends Placed> {
  readonly #orders: CyclicOrder<T>[];

  constructor(count: number) {
    this.#orders = Array.from({ length: count }, (_, number) => new CyclicOrder(number));
  }

  get size(): number {
    return this.#orders[0]?.members.length ?? 0;
  }

  /** Makes these the members. @returns the successors of each, found faster than one by one */
  fill(members: readonly T[]): [T, readonly T[]][] {
    const byName = members.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const successors = byName.map((member): [T, T[]] => [member, []]);
    for (const order of this.#orders) {
      const places = order.fill(byName);
      for (let place = 0; place < places.length; place++) {
        const [member, found] = successors[places[place]!]!;
        order.addSuccessor(place + 1, member, found);
      }
    }
    return successors;
  }

  insert(member: T): void {
    for (const order of this.#orders) order.insert(member);
  }

  remove(member: T): void {
    for (const order of this.#orders) order.remove(member);
  }

  /**
   * The next member after `from` in each order, in one where that is found already the one after it.
   * @param from a member or not; never found itself
   * @returns one for each order, or all other members where there are fewer
   */
  successors(from: Placed): T[] {
    const found: T[] = [];
    for (const order of this.#orders) order.addSuccessor(order.firstAfter(from), from, found);
    return found;
  }

  /**
   * The members that find `member` in some order, or pass it as one that they have found already: for no other member
   * it matters whether it is there. There must be more members than orders.
   * @param successorsOf who has been found, one for each order
   */
  reaching(member: T, successorsOf: (other: T) => readonly T[]): Set<T> {
    const reaching = new Set<T>();
    for (const [number, order] of this.#orders.entries()) {
      const { members } = order;
      const place = order.firstAfter(member) - 1;
      // Who is further away has to pass all those between, which it can only for those that it found in the orders
      // before.
      for (let distance = 1; distance <= number + 1; distance++) {
        const other = members.at(place - distance)!;
        const found = successorsOf(other);
        let passed = 1;
        while (passed < distance && isAmong(members.at(place - passed)!, found, number)) passed++;
        if (passed === distance) reaching.add(other);
      }
    }
    return reaching;
  }
}

/** Members by their hash with the order's number, those of the same hash by name. */
class CyclicOrder<T extends Placed> {
  readonly #number: number;
  members: T[] = [];
  /** The members' hashes: thousands are compared for a plan. */
  #hashes: number[] = [];

  constructor(number: number) {
    this.#number = number;
  }

  /** @param byName sorted by name. @returns their places there, in this order */
  fill(byName: readonly T[]): Uint32Array {
    // Numbers are sorted much faster than objects: hash and place in one, which a double holds exactly up to 2²¹
    // members.
    const width = 2 ** 21;
    const keys = new Float64Array(byName.length);
    for (let place = 0; place < keys.length; place++) keys[place] = this.#hash(byName[place]!) * width + place;
    keys.sort();
    const places = new Uint32Array(keys.length);
    this.members = [];
    this.#hashes = [];
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index]!;
      places[index] = key % width;
      this.members.push(byName[places[index]!]!);
      this.#hashes.push(Math.floor(key / width));
    }
    return places;
  }

  insert(member: T): void {
    const place = this.firstAfter(member);
    this.members.splice(place, 0, member);
    this.#hashes.splice(place, 0, this.#hash(member));
  }

  remove(member: T): void {
    const place = this.firstAfter(member) - 1;
    this.members.splice(place, 1);
    this.#hashes.splice(place, 1);
  }

  /** Adds the first member from the place `start` on that is neither `from` nor found yet, where there is one. */
  addSuccessor(start: number, from: Placed, found: T[]): void {
    const { members } = this;
    const isMember = start > 0 && members[start - 1] === from;
    if (found.length >= members.length - (isMember ? 1 : 0)) return;
    // Cyclic: after the last comes the first.
    for (let place = start; ; place++) {
      if (place >= members.length) place -= members.length;
      const next = members[place]!;
      if (next === from || found.includes(next)) continue;
      found.push(next);
      return;
    }
  }

  /** The index of the first member after the place of `from`, which may be the length. */
  firstAfter(from: Placed): number {
    const hash = this.#hash(from);
    let low = 0;
    let high = this.members.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const difference = this.#hashes[middle]! - hash;
      if (difference < 0 || (difference === 0 && this.members[middle]!.name <= from.name)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #hash(member: Placed): number {
    return hashPair(member.hash, this.#number);
  }
}

/** Whether it is one of the first `count`. */
function isAmong<T>(member: T, found: readonly T[], count: number): boolean {
  for (let index = 0; index < count; index++) if (found[index] === member) return true;
  return false;
}
