import type { Random } from '../../soak/random.ts';
import type { FailureReason } from '../../src/contract/failure-reason.ts';
import type { AcceptedReport } from '../../src/operator/judge/observations.ts';
import type { Link } from '../../src/operator/reports/link-table.ts';
import type { Outcomes } from '../../src/operator/reports/packed-outcomes.ts';
import type { Assignment } from '../../src/protocol/assignment.ts';
import { sketchIndex } from '../../src/protocol/latency-sketch.ts';
import { resolverAddress, type SimulatedCluster, type SimulatedPod, serviceAddress } from './fleet.ts';
import type { Attempt, PacketNetwork, Path } from './packets.ts';

/** Times of probes and requests, in seconds. */
export interface Timing {
  interval: number;
  hold: number;
  /** Hold while an outcome has changed within the window. */
  changedHold: number;
}

/** An agent's stall or lie: changes the result of an attempt. */
export type Distortion = (link: Link, attempt: Attempt, at: number) => Attempt;

/** Attempts at one target. */
interface Stream {
  link: Link;
  path: Path;
  /** When the next attempt begins, in seconds. */
  next: number;
  /** Results that are not known yet at the last report. */
  pending: Attempt[];
}

/** The probes of one agent, as its pod makes them: each target at its own offset in the interval. */
export class SimulatedAgent {
  readonly pod: SimulatedPod;
  readonly zone: string;
  /** When its last report was made, in seconds. */
  reportedAt: number;
  distortion: Distortion | undefined;
  readonly #cluster: SimulatedCluster;
  readonly #network: PacketNetwork;
  readonly #random: Random;
  readonly #links: SharedLinks;
  #streams: Stream[] = [];

  constructor(parts: {
    pod: SimulatedPod;
    zone: string;
    cluster: SimulatedCluster;
    network: PacketNetwork;
    random: Random;
    links: SharedLinks;
    at: number;
  }) {
    this.pod = parts.pod;
    this.zone = parts.zone;
    this.#cluster = parts.cluster;
    this.#network = parts.network;
    this.#random = parts.random;
    this.#links = parts.links;
    this.reportedAt = parts.at;
  }

  /** Follows an assignment. Targets that stay keep their turns. */
  assign({ peers, dnsServers }: Assignment, hosts: readonly string[], { interval }: Timing, at: number): void {
    const known = new Map(this.#streams.map((stream) => [stream.link, stream]));
    const path = (via: Path['via'], end: number): Path => ({ client: this.pod.place, end, via, pod: -1, host: -1 });
    const wanted: [Link, Path][] = peers.map(({ address, node, zone }) => [
      this.#links.peer(address, node, zone),
      path('peer', this.#cluster.placeOf(node)),
    ]);
    wanted.push([this.#links.peer(serviceAddress, '', ''), path('service', -1)]);
    for (const server of [resolverAddress, ...dnsServers]) {
      const pod = this.#cluster.dnsPods.findIndex(({ address }) => address === server);
      const end = pod < 0 ? -1 : this.#cluster.dnsPods[pod]!.place;
      for (const protocol of ['UDP', 'TCP'])
        for (const [host, name] of hosts.entries())
          wanted.push([
            this.#links.lookup(server, protocol, name),
            { ...path(pod < 0 ? 'resolver' : 'server', end), pod, host },
          ]);
    }
    this.#streams = wanted.map(([link, to]) => {
      const stream = known.get(link);
      if (stream) return stream;
      const next = at + this.#random.fraction() * interval;
      return { link, path: to, next, pending: [] };
    });
  }

  /** Makes all attempts until this time. @returns the report of those that have ended */
  report(at: number, { interval }: Timing): AcceptedReport {
    const results: [Link, Outcomes][] = [];
    for (const stream of this.#streams) {
      const { pending } = stream;
      for (; stream.next < at; stream.next += interval) pending.push(this.#attempt(stream));
      const ended = pending.filter(({ endsAt }) => endsAt <= at);
      if (ended.length === 0) continue;
      stream.pending = pending.filter(({ endsAt }) => endsAt > at);
      results.push([stream.link, outcomesOf(ended)]);
    }
    const spanMs = (at - this.reportedAt) * 1000;
    this.reportedAt = at;
    return { agent: this.pod.uid, zone: this.zone, spanMs, results };
  }

  #attempt(stream: Stream): Attempt {
    const { link, next: at } = stream;
    const path = this.#routed(stream.path);
    let attempt: Attempt;
    const isGone = link.probe === 'network' && link.node !== '' && !this.#cluster.listensAt(link.host);
    if (isGone) attempt = { latency: undefined, failure: 'timeout', retransmits: 4, endsAt: at + 5 };
    else if (path === undefined)
      attempt = { latency: undefined, failure: 'refused', retransmits: 0, endsAt: at + 0.001 };
    else if (link.probe === 'dns') attempt = this.#network.lookup(path, link.protocol === 'TCP', at);
    else attempt = this.#network.dial(path, at);
    return this.distortion ? this.distortion(link, attempt, at) : attempt;
  }

  /** What a Service leads to: one of its ready endpoints; undefined without one. */
  #routed(path: Path): Path | undefined {
    if (path.via === 'service') {
      const ready = this.#cluster.servingPlaces;
      return ready.length === 0 ? undefined : { ...path, end: this.#random.pick(ready) };
    }
    if (path.via !== 'resolver') return path;
    const ready = this.#cluster.readyDnsPods;
    if (ready.length === 0) return undefined;
    const pod = this.#random.pick(ready);
    return { ...path, pod, end: this.#cluster.dnsPods[pod]!.place };
  }
}

function outcomesOf(attempts: readonly Attempt[]): Outcomes {
  const failures: Partial<Record<FailureReason, number>> = {};
  const counts = new Map<number, number>();
  let retransmits = 0;
  for (const { latency, failure, retransmits: sent } of attempts) {
    retransmits += sent;
    if (failure) failures[failure] = (failures[failure] ?? 0) + 1;
    if (latency === undefined) continue;
    const index = sketchIndex(latency);
    counts.set(index, (counts.get(index) ?? 0) + 1);
  }
  const latencies = [...counts].sort(([a], [b]) => a - b);
  return { attempts: attempts.length, failures, retransmits, latencies };
}

/** The objects of links, each once, as in the operator. */
export class SharedLinks {
  readonly #links = new Map<string, Link>();

  peer(host: string, node: string, zone: string): Link {
    return this.#shared({ probe: 'network', host, server: '', protocol: 'TCP', type: '', node, zone });
  }

  lookup(server: string, protocol: string, host: string): Link {
    return this.#shared({ probe: 'dns', host, server, protocol, type: 'A', node: '', zone: '' });
  }

  #shared(link: Link): Link {
    const key = `${link.host} ${link.server} ${link.protocol} ${link.node} ${link.zone}`;
    const known = this.#links.get(key);
    if (known) return known;
    this.#links.set(key, link);
    return link;
  }
}
