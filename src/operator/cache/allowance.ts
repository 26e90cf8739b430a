/** A limit that objects share: each takes a part of it, and those that come when nothing is left get none. */
export class Allowance {
  readonly #limit: number;
  readonly #taken = new Map<string, number>();
  #total = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** What is left for others. */
  get left(): number {
    return this.#limit - this.#total;
  }

  /**
   * Takes a part for the object of this key, in place of what it had.
   * @returns false if that is more than is left, in which case it has none
   */
  take(key: string, amount: number): boolean {
    this.release(key);
    if (amount > this.left) return false;
    this.#taken.set(key, amount);
    this.#total += amount;
    return true;
  }

  /** The object of this key takes nothing any more. */
  release(key: string): void {
    this.#total -= this.#taken.get(key) ?? 0;
    this.#taken.delete(key);
  }

  /** Releases the parts of all others. @param isKept whether the object of this key keeps its part */
  retain(isKept: (key: string) => boolean): void {
    for (const key of [...this.#taken.keys()]) if (!isKept(key)) this.release(key);
  }
}
