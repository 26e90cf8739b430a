import type { FailureReason } from '../../contract/failure-reason.ts';
import { isSameLink, type Link } from '../reports/link-table.ts';
import type { Outcomes } from '../reports/packed-outcomes.ts';
import type { ChangedOutcomes, Outcome } from './changed-outcomes.ts';
import { horizonsOf, type JudgeOptions } from './fleet-facts.ts';
import { addLatencies, LatencyBaselines, type LatencyGroup, lookupLimits, networkLimits } from './latency-baselines.ts';
import { countsOf, mainReason } from './outcome-counts.ts';
import { StreamBudget } from './stream-budget.ts';
import { type Counter, type Counts, type HorizonName, StreamCounts } from './stream-counts.ts';
import { WindowLatencies } from './window-latencies.ts';

/** So many streams are looked through without a break: forgetting one takes up to a microsecond. */
const streamsPerSlice = 5000;

/** An agent of which there are streams. */
interface ObservedAgent {
  number: number;
  /** By the shared object of the link. */
  streams: Map<Link, number>;
}

/** What the judges of all NetExporters share. */
export interface SharedObservations {
  budget: StreamBudget;
  changes: ChangedOutcomes;
  /** Counts the results of a target in a report that are not judged, because there are too many of them. */
  onUnjudged: () => void;
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
  /** Of all agents within the window. */
  readonly latencies: Record<'dns' | 'network', WindowLatencies>;
  readonly #groups: (LatencyGroup | undefined)[] = [];
  readonly #byUid = new Map<string, ObservedAgent>();
  #freeAgents: number[] = [];
  #agentCount = 0;
  readonly #baselines = new LatencyBaselines();
  #options: JudgeOptions;
  /** Shortest intervals so far, in milliseconds. */
  readonly #leastIntervals: Record<'dns' | 'network', number>;
  readonly #windowMs: number;
  /** When the current period of latency baselines began, in monotonic milliseconds. */
  #periodSince: number;
  readonly #budget: StreamBudget;
  readonly #shared: SharedObservations | undefined;

  constructor(options: JudgeOptions, now: number, shared?: SharedObservations) {
    this.#options = options;
    this.#leastIntervals = { dns: options.dnsIntervalMs, network: options.networkIntervalMs };
    const horizons = horizonsOf(options);
    this.#windowMs = horizons.whole;
    this.counts = new StreamCounts(horizons, now);
    this.latencies = {
      dns: new WindowLatencies(horizons.whole, now),
      network: new WindowLatencies(horizons.whole, now),
    };
    this.#periodSince = now;
    this.#budget = shared?.budget ?? new StreamBudget();
    this.#shared = shared;
  }

  get options(): JudgeOptions {
    return this.#options;
  }

  /** The periods that are judged must be the same as before. */
  set options(options: JudgeOptions) {
    this.#options = options;
    const intervals = this.#leastIntervals;
    intervals.dns = Math.min(intervals.dns, options.dnsIntervalMs);
    intervals.network = Math.min(intervals.network, options.networkIntervalMs);
  }

  /** Numbers of agents are below this. */
  get agentCount(): number {
    return this.#agentCount;
  }

  /** The streams of an agent by link; undefined if it has none. */
  streamsOf(uid: string): ReadonlyMap<Link, number> | undefined {
    return this.#byUid.get(uid)?.streams;
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
    if (spanMs > 2 * this.options.holdMs) return;
    this.#advance(now);
    let agent = this.#byUid.get(uid);
    if (!agent) {
      agent = { number: this.#freeAgents.pop() ?? this.#agentCount++, streams: new Map() };
      this.#byUid.set(uid, agent);
    }
    for (const [link, outcomes] of results) {
      if (link.probe === 'ntp' || outcomes.attempts === 0) continue;
      const stream = agent.streams.get(link) ?? this.#newStream(agent, link, zone);
      if (stream === undefined) {
        this.#shared?.onUnjudged();
        continue;
      }
      const group = this.#groups[stream]!;
      const counts = countsOf(link, outcomes, group.slowFrom, this.options.udpPackets);
      // An agent that does not keep to the interval must not outweigh others.
      if (counts.attempts > this.#roomOf(stream, link)) {
        this.#shared?.onUnjudged();
        continue;
      }
      addLatencies(group, outcomes.latencies);
      this.latencies[link.probe].add(outcomes.latencies);
      this.#noteChange(uid, stream, counts);
      this.counts.add(stream, counts);
      this.reasons[stream] = mainReason(outcomes.failures) ?? this.reasons[stream];
    }
  }

  /** Notes that a target begins or ceases to fail or to be slow. */
  #noteChange(agent: string, stream: number, { attempts, slow, ...counts }: Counts): void {
    const before = this.outcomeOf(stream, 'whole');
    this.#shared?.changes.note(agent, this.links[stream]!, {
      before: { attempts: before.attempts, bad: before.bad + this.counts.sums('slow', 'whole')[stream]! },
      now: { attempts, bad: counts.failed + counts.answered + counts.refused + counts.retransmitted + slow },
      windowMs: this.#windowMs,
    });
  }

  /** How many more attempts at a target there can be within the window. */
  #roomOf(stream: number, { probe }: Link): number {
    const most = (this.#windowMs + 2 * this.options.holdMs) / this.#leastIntervals[probe === 'dns' ? 'dns' : 'network'];
    return Math.ceil(most) + 2 - this.counts.sums('attempts', 'whole')[stream]!;
  }

  /** Attempts of a stream, and those that failed in any way or needed a retransmit. */
  outcomeOf(stream: number, horizon: HorizonName): Outcome {
    const sum = (counter: Counter) => this.counts.sums(counter, horizon)[stream]!;
    return { attempts: sum('attempts'), bad: sum('failed') + sum('answered') + sum('refused') + sum('retransmitted') };
  }

  /** Moves the window to this time, in monotonic milliseconds, and forgets streams without attempts in it. */
  advance(now: number): void {
    this.#advance(now);
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
    this.#compact();
    const isOver = now - this.#periodSince >= this.#windowMs / 2;
    if (isOver) this.#periodSince = now;
    const limits = { dns: lookupLimits(this.options.dnsLatency), network: networkLimits(this.options.networkLatency) };
    this.#baselines.update((name) => (name.startsWith(dnsPrefix) ? limits.dns : limits.network), isOver);
  }

  /** Gives back the memory of streams that have ended, if there are many. */
  #compact(): void {
    const formerNumbers = this.counts.compact();
    if (!formerNumbers) return;
    const numbers = new Int32Array(this.links.length);
    for (let stream = 0; stream < formerNumbers.length; stream++) numbers[formerNumbers[stream]!] = stream;
    for (const list of [this.links, this.agents, this.reasons, this.#groups] as unknown[][]) {
      for (let stream = 0; stream < formerNumbers.length; stream++) list[stream] = list[formerNumbers[stream]!];
      list.length = formerNumbers.length;
    }
    for (const { streams } of this.#byUid.values())
      for (const [link, former] of streams) streams.set(link, numbers[former]!);
  }

  #advance(now: number): void {
    this.counts.advance(now);
    for (const latencies of Object.values(this.latencies)) latencies.advance(now);
  }

  /** Forgets the links that are not judged any more. Yields between slices. */
  *keep(isJudged: (link: Link) => boolean): Generator<void> {
    let looked = 0;
    for (const { streams } of this.#byUid.values()) {
      looked += streams.size;
      for (const [link, stream] of streams) {
        if (isJudged(link)) continue;
        streams.delete(link);
        this.#release(stream);
      }
      // Not within an agent: in a break it may be forgotten.
      if (looked < streamsPerSlice) continue;
      looked = 0;
      yield;
    }
  }

  /** Forgets everything. */
  close(): void {
    for (const uid of this.#byUid.keys()) this.forget(uid);
  }

  /** Forgets an agent whose pod is gone. */
  forget(uid: string): void {
    this.#shared?.changes.forget(uid);
    const agent = this.#byUid.get(uid);
    if (!agent) return;
    for (const stream of agent.streams.values()) this.#release(stream);
    this.#byUid.delete(uid);
    this.#freeAgents.push(agent.number);
  }

  /** Undefined if there are too many. */
  #newStream(agent: ObservedAgent, link: Link, zone: string): number | undefined {
    const known = this.#replaced(agent, link);
    if (known !== undefined) return known;
    if (!this.#budget.take()) return undefined;
    const stream = this.counts.allocate();
    agent.streams.set(link, stream);
    this.links[stream] = link;
    this.agents[stream] = agent.number;
    this.reasons[stream] = undefined;
    const isLookup = link.probe === 'dns';
    const name = isLookup ? `${dnsPrefix}${link.server} ${link.protocol}` : `${zone}>${link.zone} ${link.protocol}`;
    const { networkLatency, dnsLatency } = this.options;
    this.#groups[stream] = this.#baselines.use(
      name,
      isLookup ? lookupLimits(dnsLatency) : networkLimits(networkLatency),
    );
    return stream;
  }

  /**
   * The stream of the same link under another object: an object is forgotten when its reports are dropped for want of
   * memory.
   */
  #replaced({ streams }: ObservedAgent, link: Link): number | undefined {
    for (const [other, stream] of streams) {
      if (!isSameLink(other, link)) continue;
      streams.delete(other);
      streams.set(link, stream);
      this.links[stream] = link;
      return stream;
    }
    return undefined;
  }

  #release(stream: number): void {
    this.#budget.release();
    this.counts.release(stream);
    this.links[stream] = undefined;
    this.#baselines.release(this.#groups[stream]!);
    this.#groups[stream] = undefined;
  }
}

/** Names of DNS servers' groups begin with a character that no zone has. */
const dnsPrefix = '@';
