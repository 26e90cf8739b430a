import type { Clock } from '../../base/clock.ts';
import type { AddressLookup } from '../probes/peer-lookup.ts';
import { Peers, type PeersEvents } from './peers.ts';

/** Time to wait for an assignment before looking up the agents' Service, in milliseconds. */
export const assignmentTimeoutMs = 10_000;

/**
 * State of the assignment. `expected`: there is none yet, but an operator that assigns peers; `never`: no operator
 * assigns peers.
 */
export type AssignmentState = 'assigned' | 'expected' | 'never';

/** The agents' Service, with the addresses to use until the DNS server answers. */
export interface ListedService {
  /** Fully qualified. */
  name: string;
  /** Its last known addresses. */
  cached(): readonly string[];
}

/** Events while there is no assignment. */
export interface FallbackPeersEvents extends PeersEvents {
  /** No assignment arrived in time. The Service is looked up from now on. */
  timedOut(): void;
}

/**
 * Peers of an agent without an assignment: the addresses of the agents' Service. The Service is not looked up while
 * there is an assignment.
 */
export class FallbackPeers {
  readonly #clock: Clock;
  readonly #events: FallbackPeersEvents;
  readonly #peers: Peers;
  #service: ListedService | undefined;
  #isActive = false;
  #cancelTimeout: (() => void) | undefined;

  constructor(lookup: AddressLookup, clock: Clock, events: FallbackPeersEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#peers = new Peers(lookup, clock, events);
  }

  /** Sorted; empty while peers are assigned or an assignment is expected. */
  get addresses(): readonly string[] {
    return this.#peers.addresses;
  }

  /** Whether the Service replaces the assignment. */
  get isActive(): boolean {
    return this.#isActive;
  }

  /** @param service undefined if no peers are to be probed */
  update(service: ListedService | undefined, assignments: AssignmentState): void {
    this.#service = service;
    if (assignments !== 'expected') this.#isActive = assignments === 'never';
    if (assignments !== 'expected' || this.#isActive) this.#clearTimeout();
    else this.#cancelTimeout ??= this.#clock.after(assignmentTimeoutMs, () => this.#timeOut());
    this.#follow();
  }

  stop(): void {
    this.#clearTimeout();
    this.#peers.follow(undefined);
  }

  #timeOut(): void {
    this.#cancelTimeout = undefined;
    this.#isActive = true;
    this.#follow();
    this.#events.timedOut();
  }

  #clearTimeout(): void {
    this.#cancelTimeout?.();
    this.#cancelTimeout = undefined;
  }

  #follow(): void {
    const service = this.#isActive ? this.#service : undefined;
    this.#peers.follow(service?.name, service?.cached);
  }
}
