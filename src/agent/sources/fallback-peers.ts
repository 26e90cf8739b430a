import type { Clock } from '../../base/clock.ts';
import type { AddressLookup } from '../probes/peer-lookup.ts';
import { Peers, type PeersEvents } from './peers.ts';

/** How long the operator may take to assign peers, in milliseconds, until the agents' Service is looked up instead. */
export const assignmentPatienceMs = 10_000;

/** What is known of assignments. `expected`: there is none yet, but an operator that makes some; `never`: nobody makes any. */
export type AssignmentState = 'assigned' | 'expected' | 'never';

/** The agents' Service, and from whence to start until the DNS server answers. */
export interface ListedService {
  /** Fully qualified. */
  name: string;
  /** Addresses that it was seen to list earlier. */
  remembered(): readonly string[];
}

/** What happens while there is no assignment. */
export interface FallbackPeersEvents extends PeersEvents {
  /** An assignment was expected in vain: from now on the Service is looked up. */
  gaveUp(): void;
}

/** The addresses that the agents' Service lists, for an agent to which no peers are assigned. While some are, the Service is not looked up. */
export class FallbackPeers {
  readonly #clock: Clock;
  readonly #events: FallbackPeersEvents;
  readonly #peers: Peers;
  #service: ListedService | undefined;
  #standsIn = false;
  #cancelPatience: (() => void) | undefined;

  constructor(lookup: AddressLookup, clock: Clock, events: FallbackPeersEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#peers = new Peers(lookup, clock, events);
  }

  /** Sorted; none while peers are assigned or still expected to be. */
  get addresses(): readonly string[] {
    return this.#peers.addresses;
  }

  /** Whether the Service stands in for an assignment. */
  get standsIn(): boolean {
    return this.#standsIn;
  }

  /** @param service undefined where no peers are to be probed */
  update(service: ListedService | undefined, assignments: AssignmentState): void {
    this.#service = service;
    if (assignments !== 'expected') this.#standsIn = assignments === 'never';
    if (assignments !== 'expected' || this.#standsIn) this.#endPatience();
    else this.#cancelPatience ??= this.#clock.after(assignmentPatienceMs, () => this.#giveUp());
    this.#follow();
  }

  stop(): void {
    this.#endPatience();
    this.#peers.follow(undefined);
  }

  #giveUp(): void {
    this.#cancelPatience = undefined;
    this.#standsIn = true;
    this.#follow();
    this.#events.gaveUp();
  }

  #endPatience(): void {
    this.#cancelPatience?.();
    this.#cancelPatience = undefined;
  }

  #follow(): void {
    const service = this.#standsIn ? this.#service : undefined;
    this.#peers.follow(service?.name, service?.remembered);
  }
}
