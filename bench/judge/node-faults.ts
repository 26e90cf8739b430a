import type { Fault } from './packets.ts';
import { type Expected, type Injected, inject, oneWay } from './scenario.ts';
import type { Simulation } from './simulation.ts';

/** After so many seconds without its kubelet a node is not ready. */
const notReadyAfter = 45;

/** A node, with the direction that is to be found. */
export function nodeExpected({ cluster }: Simulation, place: number, direction?: 'all' | 'in' | 'out'): Expected {
  const { name } = cluster.nodeAt(place);
  return { kind: 'Node', key: `Node ${name}`, ...(direction && { direction }) };
}

/** Loses packets from and to a node with this probability each. */
export function nodeLoss(place: number, probability: (at: number) => number): Fault {
  return {
    loss: ({ client, end }, _forward, at) =>
      client !== end && (client === place || end === place) ? probability(at) : 0,
  };
}

/** Nodes without any network: their agents are silent, and the API server notices. */
export function deadNodes(simulation: Simulation, places: readonly number[]): Injected {
  const dead = new Set(places);
  const before = simulation.reachesOperator;
  simulation.reachesOperator = (place) => before(place) && !dead.has(place);
  const fault: Fault = {
    loss: ({ client, end }) => (client !== end && (dead.has(client) || dead.has(end)) ? 1 : 0),
  };
  let isOver = false;
  simulation.at(simulation.now + notReadyAfter, () => {
    if (!isOver) setReady(simulation, dead, false);
  });
  const injected = inject(
    simulation,
    [fault],
    places.map((place) => nodeExpected(simulation, place, 'all')),
    places,
  );
  const end = () => {
    isOver = true;
    injected.end();
    simulation.reachesOperator = before;
    simulation.at(simulation.now + 5, () => setReady(simulation, dead, true));
  };
  return { ...injected, end };
}

function setReady(simulation: Simulation, places: ReadonlySet<number>, ready: boolean): void {
  const { cluster } = simulation;
  for (const place of places) {
    cluster.setNode(place, { ready });
    const pod = cluster.podAt(place);
    if (pod) cluster.setPod(pod.uid, { ready });
  }
  for (const pod of cluster.dnsPods) if (places.has(pod.place)) pod.ready = ready;
  simulation.replan();
}

/** A node that no connection from others reaches. */
export function deafNode(simulation: Simulation, place: number): Injected {
  const fault: Fault = {
    loss: ({ client, end }, forward) => (forward && end === place && client !== place ? 1 : 0),
  };
  return inject(simulation, [fault], [nodeExpected(simulation, place, 'in')], [place]);
}

/** A node whose own connections reach no one. */
export function muteNode(simulation: Simulation, place: number): Injected {
  const fault: Fault = {
    loss: ({ client, end }, forward) => (forward && client === place && end !== place ? 1 : 0),
  };
  return inject(simulation, [fault], [nodeExpected(simulation, place, 'out')], [place]);
}

/** A node that loses this share of round trips. */
export function lossyNode(simulation: Simulation, place: number, roundTrip: number): Injected {
  const loss = oneWay(roundTrip);
  return inject(simulation, [nodeLoss(place, () => loss)], [nodeExpected(simulation, place, 'all')], [place]);
}

/** A node whose exchanges with others take longer, by seconds. */
export function slowNode(simulation: Simulation, place: number, seconds: number): Injected {
  const fault: Fault = {
    delay: ({ client, end }) => (client !== end && (client === place || end === place) ? seconds : 0),
  };
  return inject(simulation, [fault], [nodeExpected(simulation, place, 'all')], [place]);
}

/** A node that has no network for a part of each period. */
export function flappingNode(simulation: Simulation, place: number): Injected {
  const started = simulation.now;
  const fault = nodeLoss(place, (at) => ((at - started) % 30 < 10 ? 1 : 0));
  return inject(simulation, [fault], [nodeExpected(simulation, place)], [place]);
}

/** A node whose loss rises to 40 % of packets within a minute. */
export function rampingNode(simulation: Simulation, place: number): Injected {
  const started = simulation.now;
  const fault = nodeLoss(place, (at) => Math.min(0.4, (0.4 * (at - started)) / 60));
  return inject(simulation, [fault], [nodeExpected(simulation, place)], [place]);
}
