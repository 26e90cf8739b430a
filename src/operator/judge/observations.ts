import type { FailureReason } from '../../contract/failure-reason.ts';
import type { Link } from '../reports/link-table.ts';
import type { Outcomes } from '../reports/packed-outcomes.ts';
import { horizonsOf, type JudgeOptions } from './fleet-facts.ts';
import { addLatencies, LatencyBaselines, type LatencyGroup } from './latency-baselines.ts';
import { countsOf, mainReason } from './outcome-counts.ts';
import { StreamCounts } from './stream-counts.ts';

/** An agent of which there are streams. */
interface ObservedAgent {
  number: number;
  /** By the shared object of the link. */
  streams: Map<Link, number>;
}

/** A part of a report: what `FleetReports` accepted, so that an agent speaks only about its own plan. */
export interface AcceptedReport {
  /** UID of the agent's pod. */
  agent: string;
  /** Zone of the agent's node; empty if it has none. */
  zone: string;
  /** From the report, in milliseconds. */
  spanMs: number;
  /** With the shared objects of the links. */
  results: Iterable<readonly [Link, Outcomes]>;
}

/**
 * What the agents of one NetExporter have reported within the effective window, counted for the judge. A stream is one
 * agent's attempts at one target. It is counted when a report arrives, because unpacking the reports of 3,000 agents at
 * each judgement takes 40 to 130 ms.
 */
export class Observations {
  readonly counts: StreamCounts;
  /** By stream; undefined: free. */
  readonly links: (Link | undefined)[] = [];
  /** Number of the agent, by stream. */
  readonly agents: number[] = [];
  /** The reason of most failures in the last report with failures, by stream. */
  readonly reasons: (FailureReason | undefined)[] = [];
  readonly #groups: (LatencyGroup | undefined)[] = [];
  readonly #byUid = new Map<string, ObservedAgent>();
  #freeAgents: number[] = [];
  #agentCount = 0;
  readonly #baselines = new LatencyBaselines();
  readonly #options: JudgeOptions;
  /** Length of a period of latency baselines, in milliseconds, and when the current one began. */
  readonly #periodMs: number;
  #periodSince: number;

  constructor(options: JudgeOptions, now: number) {
    this.#options = options;
    const horizons = horizonsOf(options);
    this.#periodMs = horizons.whole / 2;
    this.counts = new StreamCounts(horizons, now);
    this.#periodSince = now;
  }

  /** Numbers of agents are below this. */
  get agentCount(): number {
    return this.#agentCount;
  }

  /** The number of an agent; undefined if it has no streams. */
  numberOf(uid: string): number | undefined {
    return this.#byUid.get(uid)?.number;
  }

  /**
   * Counts a report. One that spans more than two holds is ignored: it is from an agent that could not reach the
   * operator, and what it found may be long over.
   * @param now monotonic milliseconds
   */
  take({ agent: uid, zone, spanMs, results }: AcceptedReport, now: number): void {
    if (spanMs > 2 * this.#options.holdMs) return;
    this.counts.advance(now);
    let agent = this.#byUid.get(uid);
    if (!agent) {
      agent = { number: this.#freeAgents.pop() ?? this.#agentCount++, streams: new Map() };
      this.#byUid.set(uid, agent);
    }
    for (const [link, outcomes] of results) {
      if (link.probe === 'ntp' || outcomes.attempts === 0) continue;
      let stream = agent.streams.get(link);
      if (stream === undefined) stream = this.#newStream(agent, link, zone);
      const group = this.#groups[stream]!;
      addLatencies(group, outcomes.latencies);
      this.counts.add(stream, countsOf(link, outcomes, group.slowFrom, this.#options.udpPackets));
      this.reasons[stream] = mainReason(outcomes.failures) ?? this.reasons[stream];
    }
  }

  /** Moves the window to this time, in monotonic milliseconds, and forgets streams without attempts in it. */
  advance(now: number): void {
    this.counts.advance(now);
    const attempts = this.counts.sums('attempts', 'whole');
    for (const [uid, { number, streams }] of this.#byUid) {
      for (const [link, stream] of streams) {
        if (attempts[stream]! > 0) continue;
        streams.delete(link);
        this.#release(stream);
      }
      if (streams.size > 0) continue;
      this.#byUid.delete(uid);
      this.#freeAgents.push(number);
    }
    const isOver = now - this.#periodSince >= this.#periodMs;
    if (isOver) this.#periodSince = now;
    const { networkLatency, dnsLatency } = this.#options;
    this.#baselines.update((name) => (name.startsWith(dnsPrefix) ? dnsLatency : networkLatency), isOver);
  }

  /** Forgets an agent whose pod is gone. */
  forget(uid: string): void {
    const agent = this.#byUid.get(uid);
    if (!agent) return;
    for (const stream of agent.streams.values()) this.#release(stream);
    this.#byUid.delete(uid);
    this.#freeAgents.push(agent.number);
  }

  #newStream(agent: ObservedAgent, link: Link, zone: string): number {
    const stream = this.counts.allocate();
    agent.streams.set(link, stream);
    this.links[stream] = link;
    this.agents[stream] = agent.number;
    this.reasons[stream] = undefined;
    const isLookup = link.probe === 'dns';
    const name = isLookup ? `${dnsPrefix}${link.server} ${link.protocol}` : `${zone}>${link.zone} ${link.protocol}`;
    const { networkLatency, dnsLatency } = this.#options;
    this.#groups[stream] = this.#baselines.of(name, isLookup ? dnsLatency : networkLatency);
    return stream;
  }

  #release(stream: number): void {
    this.counts.release(stream);
    this.links[stream] = undefined;
    this.#groups[stream] = undefined;
  }
}

/** Names of DNS servers' groups begin with a character that no zone has. */
const dnsPrefix = '@';
