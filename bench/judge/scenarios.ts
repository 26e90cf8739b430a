import { brokenHost, silentDnsPod, slowDnsPod, slowResolver } from './dns-faults.ts';
import { deadNodes, deafNode, flappingNode, lossyNode, muteNode, rampingNode, slowNode } from './node-faults.ts';
import {
  brokenServicePath,
  cutLink,
  cutZone,
  halfOfLinks,
  lossyZonePair,
  plannedLinks,
  zonesOf,
} from './path-faults.ts';
import { quietScenarios } from './quiet-scenarios.ts';
import type { Injected, Scenario } from './scenario.ts';
import type { Simulation } from './simulation.ts';

export const oneHost = ['kubernetes.default.svc.cluster.local.'];
export const threeHosts = [...oneHost, 'example.com.', 'registry.internal.'];

const anyNode = ({ cluster, random }: Simulation) => random.integer(0, cluster.nodes.length - 1);
const anyPod = ({ cluster, random }: Simulation) => random.integer(0, cluster.dnsPods.length - 1);

function onNode(start: (simulation: Simulation, place: number) => Injected): Scenario {
  return { start: (simulation) => start(simulation, anyNode(simulation)) };
}

function onDnsPod(start: (simulation: Simulation, pod: number) => Injected): Scenario {
  return { start: (simulation) => start(simulation, anyPod(simulation)) };
}

/** Single faults of which the data can tell what they are. */
export const singleScenarios: Readonly<Record<string, Scenario>> = {
  node_dead: onNode((simulation, place) => deadNodes(simulation, [place])),
  node_deaf: onNode(deafNode),
  node_mute: onNode(muteNode),
  node_loss_20: onNode((simulation, place) => lossyNode(simulation, place, 0.2)),
  node_slow: onNode((simulation, place) => slowNode(simulation, place, 0.015)),
  link: { start: (simulation) => cutLink(simulation, ...simulation.random.pick(plannedLinks(simulation))) },
  service_path: onNode(brokenServicePath),
  zone_pair_30: { start: (simulation) => lossyZonePair(simulation, 0.3) },
  zone_cut: { start: cutZone },
  zone_third_dead: { start: thirdOfZone },
  node_half_links: onNode(halfOfLinks),
  dns_pod_down: onDnsPod((simulation, pod) => silentDnsPod(simulation, pod, 1)),
  dns_pod_half: onDnsPod((simulation, pod) => silentDnsPod(simulation, pod, 0.5)),
  dns_pod_slow: onDnsPod((simulation, pod) => slowDnsPod(simulation, pod, 0.15)),
  resolver_slow: onNode((simulation, place) => slowResolver(simulation, place, 0.15)),
  host: {
    start: (simulation) => brokenHost(simulation, 1, threeHosts[1]!),
    hosts: threeHosts,
  },
  five_dead: { start: fiveNodes },
  node_on_off: onNode(flappingNode),
  node_ramp: onNode(rampingNode),
};

/** Faults of which two different ones that have nothing in common happen at once. */
const combined = ['node_dead', 'node_deaf', 'node_loss_20', 'link', 'service_path', 'zone_pair_30', 'dns_pod_down'];

/** All scenarios. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  ...singleScenarios,
  two: { start: twoFaults },
  leader_change: onNode(nodeWithLeaderChange),
  ...quietScenarios,
};

function thirdOfZone(simulation: Simulation): Injected | undefined {
  const zones = zonesOf(simulation);
  if (zones.size < 2) return undefined;
  const places = zones.get(simulation.random.pick([...zones.keys()].sort()))!;
  if (places.length < 3) return undefined;
  return deadNodes(simulation, simulation.random.sample(places, Math.floor(places.length / 3)));
}

function fiveNodes(simulation: Simulation): Injected | undefined {
  const { cluster, random } = simulation;
  if (cluster.nodes.length < 20) return undefined;
  return deadNodes(simulation, random.sample([...cluster.nodes.keys()], 5));
}

/** A node is dead while another replica of the operator becomes the leader. */
function nodeWithLeaderChange(simulation: Simulation, place: number): Injected {
  const injected = deadNodes(simulation, [place]);
  simulation.at(simulation.now + 92, () => {
    const { suspects } = simulation;
    simulation.judge = simulation.newJudge();
    simulation.judge.adopt(suspects);
  });
  return injected;
}

/** Two faults that do not mask one another. */
function twoFaults(simulation: Simulation): Injected | undefined {
  for (;;) {
    const kinds = simulation.random.sample(combined, 2);
    const [first, second] = kinds.map((kind) => singleScenarios[kind]!.start(simulation));
    if (!first || !second) {
      first?.end();
      second?.end();
      continue;
    }
    const end = () => {
      second.end();
      first.end();
    };
    // Of a zone pair, a link within it or a dead node could not be told from it.
    if (first.places.isDisjointFrom(second.places))
      return { expected: [...first.expected, ...second.expected], end, places: first.places.union(second.places) };
    end();
  }
}
