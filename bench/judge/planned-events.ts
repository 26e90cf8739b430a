import type { Simulation } from './simulation.ts';

/** Seconds between two events, each of which is over by then. */
const every = 900;

const anyNode = ({ cluster, random }: Simulation) => random.integer(0, cluster.nodes.length - 1);

/** Plans what users and controllers do to a healthy fleet, one after the other, until this time in seconds. */
export function planEvents(simulation: Simulation, end: number): void {
  const events = [rollOut, drain, restartNode, deleteDnsPod, silenceAgents, partitionOperator];
  for (let number = 0; (number + 1) * every < end; number++)
    simulation.at((number + 0.5) * every, () => events[number % events.length]!(simulation));
}

/** The DaemonSet replaces its pods, at most 10 % at a time. */
function rollOut(simulation: Simulation): void {
  const { cluster } = simulation;
  const atOnce = Math.max(1, Math.floor(cluster.nodes.length / 10));
  // A large fleet takes longer than there is time: the first ones are as good as all.
  for (const place of [...cluster.nodes.keys()].slice(0, atOnce * 20))
    simulation.at(simulation.now + 30 * Math.floor(place / atOnce), () => replacePod(simulation, place));
}

function replacePod(simulation: Simulation, place: number): void {
  const { cluster } = simulation;
  const old = cluster.podAt(place);
  if (!old) return;
  cluster.setPod(old.uid, { deleting: true });
  simulation.replan();
  simulation.at(simulation.now + 5, () => {
    cluster.removePod(old.uid);
    const { uid } = cluster.addPod(place);
    simulation.replan();
    simulation.at(simulation.now + 5, () => {
      cluster.setPod(uid, { ready: true, wasReady: true });
      simulation.replan();
    });
  });
}

/** A node is cordoned and its DNS pods are moved; later it is back. */
function drain(simulation: Simulation): void {
  const { cluster } = simulation;
  const place = anyNode(simulation);
  cluster.setNode(place, { notice: 'cordon' });
  simulation.replan();
  for (const [index, pod] of cluster.dnsPods.entries()) if (pod.place === place) moveDnsPod(simulation, index);
  simulation.at(simulation.now + 300, () => {
    cluster.setNode(place, { notice: undefined });
    simulation.replan();
  });
}

/** A node shuts down as announced, is away for two minutes and comes back with another boot id. */
function restartNode(simulation: Simulation): void {
  const { cluster, network } = simulation;
  const place = anyNode(simulation);
  for (const [index, pod] of cluster.dnsPods.entries()) if (pod.place === place) moveDnsPod(simulation, index);
  cluster.setNode(place, { notice: 'shutdown' });
  simulation.replan();
  const fault = {
    loss: ({ client, end }: { client: number; end: number }) =>
      client !== end && (client === place || end === place) ? 1 : 0,
  };
  const before = simulation.reachesOperator;
  simulation.at(simulation.now + 30, () => {
    network.faults.push(fault);
    simulation.reachesOperator = (other) => before(other) && other !== place;
    cluster.setNode(place, { ready: false });
    const pod = cluster.podAt(place);
    if (pod) cluster.setPod(pod.uid, { ready: false });
    simulation.replan();
  });
  simulation.at(simulation.now + 150, () => {
    network.faults.splice(network.faults.indexOf(fault), 1);
    simulation.reachesOperator = before;
    cluster.setNode(place, { ready: true, notice: undefined, bootId: `boot-${simulation.now}` });
    const pod = cluster.podAt(place);
    if (pod) cluster.setPod(pod.uid, { ready: true });
    simulation.replan();
  });
}

function deleteDnsPod(simulation: Simulation): void {
  const { cluster, random } = simulation;
  moveDnsPod(simulation, random.integer(0, cluster.dnsPods.length - 1));
}

/** A DNS pod is deleted: it answers until it has ended, and another one is ready on a node that takes pods. */
function moveDnsPod(simulation: Simulation, index: number): void {
  const { cluster, random } = simulation;
  cluster.dnsPods[index]!.terminating = true;
  simulation.replan();
  simulation.at(simulation.now + 10, () => {
    const places = [...cluster.nodes.keys()].filter((place) => {
      const { ready, notice } = cluster.nodeAt(place);
      return ready && notice === undefined;
    });
    cluster.replaceDnsPod(index, random.pick(places));
    simulation.replan();
  });
}

/** Some agents do not reach the operator for five minutes. */
function silenceAgents(simulation: Simulation): void {
  const { cluster, random } = simulation;
  const silent = new Set(random.sample([...cluster.nodes.keys()], Math.max(1, Math.floor(cluster.nodes.length / 20))));
  const before = simulation.reachesOperator;
  simulation.reachesOperator = (place) => before(place) && !silent.has(place);
  simulation.at(simulation.now + 300, () => {
    simulation.reachesOperator = before;
  });
}

/** No agent reaches the operator for a minute and a half. */
function partitionOperator(simulation: Simulation): void {
  const before = simulation.reachesOperator;
  simulation.reachesOperator = () => false;
  simulation.at(simulation.now + 90, () => {
    simulation.reachesOperator = before;
  });
}
