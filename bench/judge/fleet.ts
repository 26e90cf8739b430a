import type { Random } from '../../soak/random.ts';
import type { FleetFacts } from '../../src/operator/judge/fleet-facts.ts';
import { FleetPlan } from '../../src/operator/plan/fleet-plan.ts';
import type { NodeFacts } from '../../src/operator/plan/node-facts.ts';
import { dnsPodState, type PlannedPod, type TargetState, targetStates } from '../../src/operator/plan/target-states.ts';
import type { Assignment } from '../../src/protocol/assignment.ts';

export interface FleetSize {
  nodes: number;
  zones: number;
  dnsPods: number;
}

/** An agent's pod, as the API server shows it. */
export interface SimulatedPod extends PlannedPod {
  /** Number of its node. */
  place: number;
}

export interface SimulatedDnsPod {
  address: string;
  place: number;
  ready: boolean;
  terminating: boolean;
  /** Of the last window. */
  readyShare: number;
  state: TargetState;
}

export const resolverAddress = '10.96.0.10:53';
export const serviceAddress = '10.96.77.7:8000';

const port = 8000;

/**
 * Nodes, agents and DNS pods as the API server shows them, planned for by the operator's own code. Objects are replaced
 * when they change, as by a watch.
 */
export class SimulatedCluster {
  readonly nodes: NodeFacts[];
  readonly pods: SimulatedPod[];
  readonly dnsPods: SimulatedDnsPod[];
  /** Nodes that are never suspects. */
  readonly exempt = new Set<string>();
  readonly #plan: FleetPlan;
  readonly #byName = new Map<string, number>();
  #nextPod: number;
  #addresses: Set<string> | undefined;
  #serving: number[] | undefined;
  #readyDnsPods: number[] | undefined;

  constructor({ nodes, zones, dnsPods }: FleetSize, random: Random) {
    this.nodes = Array.from({ length: nodes }, (_, place) => nodeOf(place, zones));
    for (const [place, { name }] of this.nodes.entries()) this.#byName.set(name, place);
    this.pods = this.nodes.map((_, place) => this.#podOf(place, place + 1));
    this.#nextPod = nodes + 1;
    const places = random.sample([...this.nodes.keys()], dnsPods);
    this.dnsPods = places.map((place, index) => ({
      address: `10.9.${index >> 8}.${(index & 255) + 1}:53`,
      place,
      ready: true,
      terminating: false,
      readyShare: 1,
      state: 'serving',
    }));
    this.#plan = new FleetPlan({ uid: `simulated-${random.integer(0, 1e9)}`, epoch: 1, startedAt: 1 });
  }

  placeOf(name: string): number {
    return this.#byName.get(name) ?? -1;
  }

  nodeAt(place: number): NodeFacts {
    return this.nodes[place]!;
  }

  podAt(place: number): SimulatedPod | undefined {
    return this.pods.findLast((pod) => pod.place === place);
  }

  /** Whether there is a pod at this address, as `ip:port`. */
  listensAt(address: string): boolean {
    this.#addresses ??= new Set(this.pods.map(({ addresses }) => `${addresses[0]}:${port}`));
    return this.#addresses.has(address);
  }

  /** Numbers of the nodes with a ready agent. */
  get servingPlaces(): readonly number[] {
    this.#serving ??= this.pods.filter(({ ready, deleting }) => ready && !deleting).map(({ place }) => place);
    return this.#serving;
  }

  /** Numbers of the DNS pods that the DNS Service leads to. */
  get readyDnsPods(): readonly number[] {
    this.#readyDnsPods ??= [...this.dnsPods.keys()].filter(
      (index) => this.dnsPods[index]!.ready && !this.dnsPods[index]!.terminating,
    );
    return this.#readyDnsPods;
  }

  /** Plans for what there is now. @returns the uids of pods with another assignment */
  replan(): string[] {
    this.#addresses = undefined;
    this.#serving = undefined;
    this.#readyDnsPods = undefined;
    for (const pod of this.dnsPods) pod.state = dnsPodState(pod, this.nodes[pod.place], pod.state);
    const asked = this.dnsPods.filter(({ state }) => targetStates[state].probed);
    return this.#plan.update({
      pods: this.pods,
      nodes: (name) => this.nodes[this.placeOf(name)],
      dnsServers: asked.map(({ address }) => address),
      peersPerAgent: 10,
      endpointsPerAgent: 2,
    }).changed;
  }

  assignmentOf(uid: string): Assignment | undefined {
    return this.#plan.assignmentOf(uid);
  }

  stateOf(uid: string): TargetState | undefined {
    return this.#plan.stateOf(uid);
  }

  setNode(place: number, change: Partial<NodeFacts>): void {
    this.nodes[place] = { ...this.nodes[place]!, ...change };
  }

  setPod(uid: string, change: Partial<PlannedPod>): void {
    const index = this.pods.findIndex((pod) => pod.uid === uid);
    if (index >= 0) this.pods[index] = { ...this.pods[index]!, ...change };
  }

  removePod(uid: string): void {
    const index = this.pods.findIndex((pod) => pod.uid === uid);
    if (index >= 0) this.pods.splice(index, 1);
  }

  /** Another DNS pod in the place of one that has ended. */
  replaceDnsPod(index: number, place: number): void {
    const number = this.#nextPod++;
    const address = `10.8.${(number >> 8) & 255}.${number & 255}:53`;
    this.dnsPods[index] = { address, place, ready: true, terminating: false, readyShare: 0.1, state: 'serving' };
  }

  /** A new pod on a node, which is not ready yet and has a new address. */
  addPod(place: number): SimulatedPod {
    const pod = { ...this.#podOf(place, this.#nextPod++), ready: false, wasReady: false };
    this.pods.push(pod);
    return pod;
  }

  /** Time has passed. @param share of the window */
  pass(share: number): void {
    for (const pod of this.dnsPods)
      pod.readyShare += share * ((pod.ready && !pod.terminating ? 1 : 0) - pod.readyShare);
  }

  /** The facts for a judgement. @param overdueAt by the uid of a pod, in milliseconds */
  facts(overdueAt: (uid: string) => number): FleetFacts {
    return {
      agents: this.pods.map(({ uid, node, addresses }) => ({
        uid,
        node,
        state: this.stateOf(uid) ?? 'starting',
        addresses: [`${addresses[0]}:${port}`],
        overdueAt: overdueAt(uid),
      })),
      nodes: (name) => this.nodes[this.placeOf(name)],
      dnsPods: this.dnsPods.map(({ address, place, readyShare, state }, index) => ({
        address,
        node: this.nodes[place]!.name,
        name: `coredns-${index + 1}`,
        state,
        readyShare,
      })),
      resolvers: [resolverAddress],
      services: [serviceAddress],
      isExempt: (node) => this.exempt.has(node),
    };
  }

  #podOf(place: number, number: number): SimulatedPod {
    return {
      uid: `pod-${number}`,
      node: this.nodes[place]!.name,
      addresses: [`10.${10 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`],
      port,
      ready: true,
      wasReady: true,
      deleting: false,
      ended: false,
      place,
    };
  }
}

function nodeOf(place: number, zones: number): NodeFacts {
  return {
    name: `node-${place + 1}`,
    zone: `zone-${String.fromCharCode(97 + (place % zones))}`,
    ready: true,
    notice: undefined,
    uid: 'node',
    bootId: `boot-${place + 1}`,
  };
}
