import type { Fault } from './packets.ts';
import { type Expected, type Injected, inject, oneWay } from './scenario.ts';
import type { Simulation } from './simulation.ts';

/** Planned links, by the numbers of their nodes. */
export function plannedLinks({ cluster }: Simulation): [from: number, to: number][] {
  return cluster.pods.flatMap(({ uid, place }) =>
    (cluster.assignmentOf(uid)?.peers ?? []).map(({ node }): [number, number] => [place, cluster.placeOf(node)]),
  );
}

export function linkExpected({ cluster }: Simulation, a: number, b: number): Expected {
  const names = [cluster.nodeAt(a).name, cluster.nodeAt(b).name].sort();
  return { kind: 'Link', key: `Link ${names.join(' ')}` };
}

/** Packets from one node to another are lost, whoever opened the connection. */
export function cutLink(simulation: Simulation, from: number, to: number): Injected {
  const fault: Fault = {
    loss: ({ client, end }, forward) =>
      (forward ? client === from && end === to : client === to && end === from) ? 1 : 0,
  };
  return inject(simulation, [fault], [linkExpected(simulation, from, to)], [from, to]);
}

/** Half of the links of a node are cut. */
export function halfOfLinks(simulation: Simulation, place: number): Injected {
  const peers = new Set<number>();
  for (const [from, to] of plannedLinks(simulation)) {
    if (from === place) peers.add(to);
    if (to === place) peers.add(from);
  }
  const cut = new Set(simulation.random.sample([...peers], Math.floor(peers.size / 2)));
  const fault: Fault = {
    loss: ({ client, end }) => ((client === place && cut.has(end)) || (end === place && cut.has(client)) ? 1 : 0),
  };
  const expected = [...cut].map((peer) => linkExpected(simulation, place, peer));
  return inject(simulation, [fault], expected, [place, ...cut]);
}

/** kube-proxy on a node is broken: no ClusterIP works from there. */
export function brokenServicePath(simulation: Simulation, place: number): Injected {
  const fault: Fault = {
    loss: ({ client, via }) => (client === place && (via === 'service' || via === 'resolver') ? 1 : 0),
  };
  const { name } = simulation.cluster.nodeAt(place);
  return inject(simulation, [fault], [{ kind: 'ServicePath', key: `ServicePath ${name}` }], [place]);
}

/** Round trips between two zones are lost with this probability. */
export function lossyZonePair(simulation: Simulation, roundTrip: number): Injected | undefined {
  const { cluster, random } = simulation;
  const zones = zonesOf(simulation);
  if (zones.size < 2) return undefined;
  const [a, b] = random.sample([...zones.keys()].sort(), 2) as [string, string];
  const loss = oneWay(roundTrip);
  const zone = (place: number) => cluster.nodes[place]?.zone;
  const fault: Fault = {
    loss: ({ client, end }) => {
      const [from, to] = [zone(client), zone(end)];
      return (from === a && to === b) || (from === b && to === a) ? loss : 0;
    },
  };
  const key = `ZonePair ${[a, b].sort().join(' ')}`;
  return inject(simulation, [fault], [{ kind: 'ZonePair', key }], [...zones.get(a)!, ...zones.get(b)!]);
}

/** Nothing crosses the border of a zone. The agents on the side without the operator are silent, or none is. */
export function cutZone(simulation: Simulation): Injected | undefined {
  const { random } = simulation;
  const zones = zonesOf(simulation);
  if (zones.size < 3) return undefined;
  const name = random.pick([...zones.keys()].sort());
  const inside = new Set(zones.get(name));
  const fault: Fault = { loss: ({ client, end }) => (inside.has(client) !== inside.has(end) ? 1 : 0) };
  const before = simulation.reachesOperator;
  if (random.chance(0.5)) simulation.reachesOperator = (place) => before(place) && !inside.has(place);
  const injected = inject(simulation, [fault], [{ kind: 'Zone', key: `Zone ${name}` }], [...inside]);
  const end = () => {
    simulation.reachesOperator = before;
    injected.end();
  };
  return { ...injected, end };
}

/** Numbers of the nodes by zone. */
export function zonesOf({ cluster }: Simulation): Map<string, number[]> {
  const zones = new Map<string, number[]>();
  for (const [place, { zone }] of cluster.nodes.entries()) zones.set(zone, [...(zones.get(zone) ?? []), place]);
  return zones;
}
