import type { Row } from '../../../contract/api/rows.ts';
import type { LinkState } from '../../../contract/suspects.ts';
import type { SketchEntry } from '../../../protocol/latency-sketch.ts';
import type { FleetAgent } from '../../agents/net-exporter-fleet.ts';
import type { KnownFleet } from '../../judge/fleet-judges.ts';
import { worseState } from '../../judge/link-states.ts';
import type { NodeFacts } from '../../plan/node-facts.ts';
import { targetStates } from '../../plan/target-states.ts';
import { DnsCells } from './dns-cells.ts';
import { LatencyCounts } from './latency-counts.ts';
import { LinkList } from './link-list.ts';
import { NodeView } from './node-view.ts';
import { OutcomeSums } from './outcome-sums.ts';
import { type ZonePair, ZonePairs } from './zone-pairs.ts';

/** What is shown of one NetExporter's fleet, as of one judgement. */
export interface FleetView {
  /** Sorted by name. */
  nodes: readonly NodeView[];
  links: LinkList;
  zones: readonly Omit<Row<'zones'>, 'namespace' | 'netexporter'>[];
  dns: readonly Omit<Row<'dns'>, 'namespace' | 'netexporter'>[];
}

/** What a view is made of. */
export interface ViewedFleet {
  known: KnownFleet;
  nodeOf: (name: string) => NodeFacts | undefined;
  /** Monotonic milliseconds. */
  now: number;
}

/** So many agents are looked at without a break. */
const agentsPerSlice = 100;

/** Collects what is known of a fleet. Yields after each agent. */
export function* fleetViewOf(viewed: ViewedFleet): Generator<void, FleetView> {
  const nodes = yield* nodesOf(viewed);
  yield;
  const builder = new ViewBuilder(viewed, nodes);
  for (let node = 0; node < nodes.length; node++) {
    builder.addNode(node);
    yield;
  }
  return builder.view();
}

/** Sorted by name. */
function* nodesOf({ known, nodeOf }: ViewedFleet): Generator<void, NodeView[]> {
  const byName = new Map<string, NodeView>();
  const viewOf = (name: string): NodeView => {
    const view = byName.get(name) ?? new NodeView(name, nodeOf(name));
    byName.set(name, view);
    return view;
  };
  let looked = 0;
  for (const agent of known.agents.agents()) {
    if (++looked % agentsPerSlice === 0) yield;
    if (agent.node === '') continue;
    const view = viewOf(agent.node);
    // Of two on a node, one is about to go.
    if (!view.agent || (isCounted(agent) && !isCounted(view.agent))) view.agent = agent;
    for (const peer of agent.peers) viewOf(peer);
  }
  yield;
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A peer of the agent that is looked at. */
interface Peer {
  index: number;
  node: NodeView;
  sums: OutcomeSums;
  /** The worst of its probes. */
  state: LinkState | undefined;
  latencies: (readonly Readonly<SketchEntry>[])[];
  zones: ZonePair | undefined;
}

class ViewBuilder {
  readonly #known: KnownFleet;
  readonly #now: number;
  readonly #failureRatio: number;
  readonly #nodes: readonly NodeView[];
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #links: LinkList;
  readonly #zones: ZonePairs;
  readonly #dns: DnsCells;
  /** Of one link, and of the agent that is looked at. */
  readonly #ofLink = new LatencyCounts();
  readonly #ofAgent = new LatencyCounts();

  constructor({ known, now }: ViewedFleet, nodes: readonly NodeView[]) {
    this.#known = known;
    this.#now = now;
    this.#failureRatio = Number(known.resource.spec.health.failureRatio);
    this.#nodes = nodes;
    this.#indexes = new Map(nodes.map(({ name }, index) => [name, index]));
    const capacity = nodes.reduce((sum, { agent }) => sum + (agent && isCounted(agent) ? agent.peers.length : 0), 0);
    this.#links = new LinkList(nodes.length, capacity);
    this.#zones = new ZonePairs(this.#failureRatio, nodes);
    this.#dns = new DnsCells(this.#failureRatio, known.dnsPods());
  }

  view(): FleetView {
    return { nodes: this.#nodes, links: this.#links, zones: this.#zones.rows(), dns: this.#dns.rows() };
  }

  /** To be called for each, by ascending index. */
  addNode(index: number): void {
    const node = this.#nodes[index]!;
    const { agent } = node;
    if (agent) {
      node.reports = this.#now <= agent.overdueAt;
      node.lacks = this.#known.agents.lackOf(agent.uid);
      if (isCounted(agent)) this.#addAgent(node, agent);
    }
    this.#links.end(index);
  }

  #addAgent(node: NodeView, agent: FleetAgent): void {
    const peers = this.#peersOf(node, agent);
    this.#ofAgent.clear();
    if (node.reports) {
      this.#addStreams(node, agent, peers);
      this.#addLatencies(agent, peers);
    }
    node.latencies = this.#ofAgent.latencies;
    for (const peer of [...peers.values()].sort((a, b) => a.index - b.index)) this.#addLink(node, peer);
  }

  #peersOf(node: NodeView, { peers }: FleetAgent): Map<string, Peer> {
    const found = new Map<string, Peer>();
    for (const name of peers) {
      const index = this.#indexes.get(name)!;
      const peer = this.#nodes[index]!;
      const zones = this.#zones.of(node, peer);
      found.set(name, { index, node: peer, sums: new OutcomeSums(), state: undefined, latencies: [], zones });
    }
    return found;
  }

  #addStreams(node: NodeView, { uid }: FleetAgent, peers: ReadonlyMap<string, Peer>): void {
    const observations = this.#known.evidence?.observations;
    if (!observations) return;
    for (const [link, stream] of observations.streamsOf(uid) ?? []) {
      if (link.probe === 'dns') {
        node.dns.addStream(observations, stream);
        this.#dns.addStream(link, observations, stream);
      } else if (link.node === '') node.service.addStream(observations, stream);
      else {
        const peer = peers.get(link.node);
        if (!peer) continue;
        const own = new OutcomeSums();
        own.addStream(observations, stream);
        peer.sums.add(own);
        peer.state = worseState(peer.state, own.stateBy(this.#failureRatio));
      }
    }
    this.#dns.endAgent();
  }

  #addLatencies({ uid }: FleetAgent, peers: ReadonlyMap<string, Peer>): void {
    for (const [link, { latencies }] of this.#known.agents.reports.linksOf(uid)) {
      if (link.probe === 'dns') this.#dns.addLatencies(link, latencies);
      const peer = link.probe === 'network' ? peers.get(link.node) : undefined;
      if (!peer) continue;
      peer.latencies.push(latencies);
      this.#ofAgent.add(latencies);
      peer.zones?.latencies.add(latencies);
    }
  }

  #addLink(node: NodeView, { index, node: peer, sums, state = 'unreported', latencies, zones }: Peer): void {
    this.#ofLink.clear();
    for (const entries of latencies) this.#ofLink.add(entries);
    this.#links.add(index, state, sums, this.#ofLink);
    for (const direction of [node.out, peer.in, zones]) direction?.add(state, sums);
  }
}

function isCounted({ state }: FleetAgent): boolean {
  return targetStates[state].counted;
}
