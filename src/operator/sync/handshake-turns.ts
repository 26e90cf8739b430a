/** How many handshakes begin in one turn of the event loop: a few milliseconds of CPU. */
const perTurn = 4;

/**
 * Spreads handshakes over turns of the event loop, because each costs about a millisecond, and a thousand clients may
 * send their first bytes at the same time. Addresses take turns, so a crowd at one of them delays no other.
 */
export class HandshakeTurns {
  readonly #waiting = new Map<string, (() => void)[]>();
  #isScheduled = false;

  /** @param begin called in this address's next turn; must not throw */
  add(address: string, begin: () => void): void {
    const own = this.#waiting.get(address);
    if (own) own.push(begin);
    else this.#waiting.set(address, [begin]);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#isScheduled = false;
    for (let begun = 0; begun < perTurn; begun++) {
      const [first] = this.#waiting;
      if (!first) break;
      const [address, own] = first;
      this.#waiting.delete(address);
      const begin = own.shift()!;
      if (own.length > 0) this.#waiting.set(address, own);
      begin();
    }
    this.#schedule();
  }
}
