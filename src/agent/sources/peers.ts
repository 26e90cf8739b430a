import type { Clock } from '../../base/clock.ts';
import type { AddressAnswers, AddressLookup } from '../probes/peer-lookup.ts';

/** How long after an answer the agents' Service is asked again, in milliseconds. */
export const peerLookupPeriodMs = 5000;

/** What happens while peers are followed. */
export interface PeersEvents {
  /** The addresses are others than before. */
  changed(): void;
  /** A lookup ended; `answered` tells whether the server said anything for both address families. */
  lookedUp(answered: boolean): void;
}

/**
 * The addresses that a headless Service lists, looked up again and again. It fails static: where the server gives no answer, what is known
 * stays, each address family for itself. "There are none" is an answer.
 */
export class Peers {
  readonly #lookup: AddressLookup;
  readonly #clock: Clock;
  readonly #events: PeersEvents;
  #known: { A: string[]; AAAA: string[] } = { A: [], AAAA: [] };
  #addresses: string[] = [];
  #name: string | undefined;
  #stop: (() => void) | undefined;

  constructor(lookup: AddressLookup, clock: Clock, events: PeersEvents) {
    this.#lookup = lookup;
    this.#clock = clock;
    this.#events = events;
  }

  /** What is known now, sorted. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /**
   * Follows a Service from now on, in place of the one before. Following the same again changes nothing.
   * @param name fully qualified, or undefined to follow none and know none
   * @param remembered reads the addresses to start from until the server answers
   */
  follow(name: string | undefined, remembered: () => readonly string[] = () => []): void {
    if (name === this.#name) return;
    this.#stop?.();
    this.#stop = undefined;
    this.#name = name;
    const addresses = remembered();
    this.#know({
      A: addresses.filter((address) => !address.includes(':')),
      AAAA: addresses.filter((address) => address.includes(':')),
    });
    if (name !== undefined) this.#repeat(name);
  }

  #repeat(name: string): void {
    let stopped = false;
    let cancelTimer = () => {};
    const turn = async () => {
      const answers = await this.#lookup(name);
      if (stopped) return;
      this.#take(answers);
      cancelTimer = this.#clock.after(peerLookupPeriodMs, () => void turn());
    };
    this.#stop = () => {
      stopped = true;
      cancelTimer();
    };
    void turn();
  }

  #take(answers: AddressAnswers): void {
    const before = this.#addresses;
    this.#know({ A: answers.A ?? this.#known.A, AAAA: answers.AAAA ?? this.#known.AAAA });
    this.#events.lookedUp(answers.A !== undefined && answers.AAAA !== undefined);
    if (this.#addresses.join() !== before.join()) this.#events.changed();
  }

  #know(known: { A: string[]; AAAA: string[] }): void {
    this.#known = known;
    this.#addresses = [...known.A, ...known.AAAA].sort();
  }
}
