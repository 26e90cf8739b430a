import type { SuspectKind } from '../../src/contract/suspects.ts';
import type { Fault } from './packets.ts';
import type { Simulation } from './simulation.ts';

/** What is to be found while a scenario runs. */
export interface Expected {
  kind: SuspectKind;
  /** As `keyOfName` makes it of the name. */
  key: string;
  /** Of nodes; undefined where any will do. */
  direction?: 'all' | 'in' | 'out';
}

/** How a kind of fault is injected and what is to be found. */
export interface Scenario {
  /** Undefined if the fleet is too small for it. */
  start: (simulation: Simulation) => Injected | undefined;
  hosts?: readonly string[];
}

/** A fault that has been injected. */
export interface Injected {
  expected: Expected[];
  /** Ends it. */
  end: () => void;
  /** Nodes, zones and servers that it concerns, so that a second one can avoid them. */
  places: ReadonlySet<number>;
}

/** Injects faults into the network of a simulation until they are ended. */
export function inject(
  simulation: Simulation,
  faults: readonly Fault[],
  expected: Expected[],
  places: readonly number[] = [],
): Injected {
  const { network } = simulation;
  network.faults.push(...faults);
  const end = () => {
    for (const fault of faults) {
      const index = network.faults.indexOf(fault);
      if (index >= 0) network.faults.splice(index, 1);
    }
  };
  return { expected, end, places: new Set(places) };
}

/** The probability that one packet is lost, of the probability that a packet or its answer is. */
export function oneWay(roundTrip: number): number {
  return 1 - Math.sqrt(1 - roundTrip);
}
