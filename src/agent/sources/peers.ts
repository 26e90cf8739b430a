import type { Clock } from '../../base/clock.ts';
import type { AddressAnswers, AddressLookup } from '../probes/peer-lookup.ts';

/** Time between lookups of the agents' Service, in milliseconds. */
export const peerLookupPeriodMs = 5000;

/** Events of a followed Service. */
export interface PeersEvents {
  /** The addresses changed. */
  changed(): void;
  /** A lookup finished; `answered` is whether the server answered for both address families. */
  lookedUp(answered: boolean): void;
}

/**
 * Polls the addresses of a headless Service. It fails static: without an answer, the known addresses of that address
 * family stay. An answer without addresses removes them.
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

  /** The known addresses, sorted. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /**
   * Starts to follow a Service and stops following the previous one. Does nothing if it is the same Service.
   * @param name fully qualified, or undefined to follow none and forget all addresses
   * @param cached reads the addresses to use until the server answers
   */
  follow(name: string | undefined, cached: () => readonly string[] = () => []): void {
    if (name === this.#name) return;
    this.#stop?.();
    this.#stop = undefined;
    this.#name = name;
    const addresses = cached();
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
