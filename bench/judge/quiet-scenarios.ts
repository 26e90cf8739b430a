import { deadNodes, muteNode } from './node-faults.ts';
import { type Injected, inject, type Scenario } from './scenario.ts';
import type { Simulation } from './simulation.ts';

const anyNode = ({ cluster, random }: Simulation) => random.integer(0, cluster.nodes.length - 1);

/** What must not make a suspect. */
export const quietScenarios: Readonly<Record<string, Scenario>> = {
  stale_reports: { start: staleReports },
  old_address: { start: replacedPods },
  refused: { start: crashedAgent },
  mute_silent: { start: silentMuteNode },
};

/** A node is dead for a minute while no agent reaches the operator; then all of them report what they found. */
function staleReports(simulation: Simulation): Injected {
  const node = deadNodes(simulation, [anyNode(simulation)]);
  const before = simulation.reachesOperator;
  simulation.reachesOperator = () => false;
  simulation.at(simulation.now + 40, () => {
    node.end();
    simulation.reachesOperator = () => false;
  });
  simulation.at(simulation.now + 90, () => {
    simulation.reachesOperator = before;
  });
  return { expected: [], end: () => {}, places: new Set() };
}

/** Pods are replaced without notice, and those that probe them learn of it late. */
function replacedPods(simulation: Simulation): Injected {
  const { cluster, random } = simulation;
  simulation.assignmentDelay = 4;
  const places = random.sample([...cluster.nodes.keys()], Math.min(10, cluster.nodes.length));
  for (const [index, place] of places.entries())
    simulation.at(simulation.now + 10 * index, () => {
      cluster.removePod(cluster.podAt(place)!.uid);
      const { uid } = cluster.addPod(place);
      simulation.replan();
      simulation.at(simulation.now + 3, () => {
        cluster.setPod(uid, { ready: true, wasReady: true });
        simulation.replan();
      });
    });
  return { expected: [], end: () => {}, places: new Set() };
}

/** An agent's container is down for a while: its node refuses connections. */
function crashedAgent(simulation: Simulation): Injected {
  const { cluster } = simulation;
  const place = anyNode(simulation);
  const before = simulation.reachesOperator;
  const { uid } = cluster.podAt(place)!;
  simulation.reachesOperator = (other) => before(other) && other !== place;
  cluster.setPod(uid, { ready: false });
  simulation.replan();
  const injected = inject(simulation, [{ refuses: ({ end, via }) => end === place && via === 'peer' }], []);
  const end = () => {
    injected.end();
    simulation.reachesOperator = before;
    cluster.setPod(uid, { ready: true });
    simulation.replan();
  };
  return { ...injected, end };
}

/** A mute node does not reach the operator either: it is silent, and others reach it. */
function silentMuteNode(simulation: Simulation): Injected {
  const place = anyNode(simulation);
  const mute = muteNode(simulation, place);
  const before = simulation.reachesOperator;
  simulation.reachesOperator = (other) => before(other) && other !== place;
  const end = () => {
    mute.end();
    simulation.reachesOperator = before;
  };
  return { ...mute, expected: [], end };
}
