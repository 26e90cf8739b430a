import { hashPair } from './seeded-hash.ts';

/** What has a place in every order. */
export interface Placed {
  readonly name: string;
  /** Of the name and the seed. */
  readonly hash: number;
}

/** Who follows on someone in each order, as `CyclicOrders.successors` finds it. */
export interface Successors<T> {
  readonly found: readonly T[];
  /** By order: how many steps it was to the one found, 1 for the very next. At most the order's number + 1. */
  readonly steps: readonly number[];
}

/**
 * Several cyclic orders of the same members, each by another hash. Whoever takes the next member in each order takes evenly, and
 * whoever comes or goes concerns only those right before it.
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
  fill(members: readonly T[]): [T, Successors<T>][] {
    const byName = members.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const found: T[][] = byName.map(() => []);
    const steps: number[][] = byName.map(() => []);
    for (const order of this.#orders) {
      const places = order.fill(byName);
      for (let place = 0; place < places.length; place++) {
        const member = places[place]!;
        step(order, place + 1, byName[member]!, found[member]!, steps[member]!);
      }
    }
    return byName.map((member, place) => [member, { found: found[place]!, steps: steps[place]! }]);
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
  successors(from: Placed): Successors<T> {
    const found: T[] = [];
    const steps: number[] = [];
    for (const order of this.#orders) step(order, order.firstAfter(from), from, found, steps);
    return { found, steps };
  }

  /**
   * The members whose successors, as they were when there were more members than orders, reach up to the place of `member` in
   * some order: no other member's depend on whether it is there.
   */
  reaching(member: T, stepsOf: (other: T) => readonly number[]): Set<T> {
    const reaching = new Set<T>();
    for (const [number, order] of this.#orders.entries()) {
      const { members } = order;
      const place = order.firstAfter(member) - 1;
      for (let distance = 1; distance <= number + 1; distance++) {
        const other = members.at((place - distance) % members.length)!;
        if (other !== member && distance <= (stepsOf(other)[number] ?? 0)) reaching.add(other);
      }
    }
    return reaching;
  }
}

/** Adds the first member from `start` on that is not found yet, where there is one, and how many steps it was. */
function step<T extends Placed>(
  { members }: CyclicOrder<T>,
  start: number,
  from: Placed,
  found: T[],
  steps: number[],
): void {
  const isMember = start > 0 && members[start - 1]!.name === from.name;
  if (found.length >= members.length - (isMember ? 1 : 0)) return;
  let place = start;
  while (found.includes(at(members, place)) || at(members, place).name === from.name) place++;
  found.push(at(members, place));
  steps.push(place - start + 1);
}

/** Cyclic: after the last comes the first. */
function at<T>(members: readonly T[], place: number): T {
  return members[place % members.length]!;
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
    // Numbers are sorted much faster than objects: hash and place in one, which a double holds exactly up to 2²¹ members.
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
