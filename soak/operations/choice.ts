import type { Random } from '../random.ts';

/** Every one of them in an order of chance, and then again in another one. */
export class Rounds<T> {
  readonly #items: readonly T[];
  readonly #random: Random;
  #left: T[] = [];

  /** @param items at least one */
  constructor(items: readonly T[], random: Random) {
    if (items.length === 0) throw new RangeError('there is nothing to choose from');
    this.#items = items;
    this.#random = random;
  }

  next(): T {
    if (this.#left.length === 0) this.#left = this.#random.sample(this.#items, this.#items.length);
    return this.#left.shift()!;
  }
}
