import { Random } from '../../soak/random.ts';
import type { Clock } from '../../src/base/clock.ts';
import { ChangedOutcomes } from '../../src/operator/judge/changed-outcomes.ts';
import type { JudgeOptions } from '../../src/operator/judge/fleet-facts.ts';
import { Judge, type Suspect, type Verdict } from '../../src/operator/judge/judge.ts';
import { StreamBudget } from '../../src/operator/judge/stream-budget.ts';
import { SharedLinks, SimulatedAgent, type Timing } from './agents.ts';
import { type FleetSize, SimulatedCluster } from './fleet.ts';
import { PacketNetwork } from './packets.ts';

export interface SimulationOptions {
  size: FleetSize;
  seed: number;
  /** Probability that a packet is lost. */
  loss: number;
  hosts: readonly string[];
  timing: Timing;
}

/** At the defaults of the spec. */
export const defaultTiming: Timing = { interval: 10, hold: 15, changedHold: 5 };

/** How often the operator judges, in seconds. */
const judgedEvery = 5;

/** The hub shortens each hold at random by up to this share. */
const holdSpread = 0.2;

/** Delay of a request, in seconds, when it cannot reach the operator. */
const retryAfter = 5;

/** Grace for an overdue request, in milliseconds. */
const graceMs = 2000;

/** CPU time of one judgement, and of its longest slice, in seconds. */
export interface JudgementCost {
  total: number;
  longest: number;
}

/** CPU seconds of the median and of the longest judgement, and of the longest slice. */
export interface CpuFigures {
  median: number;
  longest: number;
  slice: number;
}

export function cpuFiguresOf(costs: readonly JudgementCost[]): CpuFigures {
  const totals = costs.map(({ total }) => total).sort((a, b) => a - b);
  return {
    median: totals[totals.length >> 1] ?? 0,
    longest: totals.at(-1) ?? 0,
    slice: costs.reduce((longest, { longest: slice }) => Math.max(longest, slice), 0),
  };
}

/** An action at a time, in seconds. */
interface Event {
  at: number;
  run: () => void;
}

/** A fleet under a judge, on a clock of its own. */
export class Simulation {
  readonly random: Random;
  readonly cluster: SimulatedCluster;
  readonly network: PacketNetwork;
  readonly agents = new Map<string, SimulatedAgent>();
  readonly costs: JudgementCost[] = [];
  /** Seconds. */
  now = 0;
  judge: Judge;
  /** Of the last verdict. */
  suspects: readonly Suspect[] = [];
  /** Whether an agent reaches the operator. */
  reachesOperator: (place: number) => boolean = () => true;
  /** How long an assignment takes to the agent, in seconds. */
  assignmentDelay = 0;
  onVerdict: (verdict: Verdict, at: number) => void = () => {};
  readonly #options: SimulationOptions;
  readonly #clock: Clock;
  readonly #links = new SharedLinks();
  readonly #overdueAt = new Map<string, number>();
  /** Tells whose requests are held for the shorter time. */
  #changes: ChangedOutcomes;
  #events: Event[] = [];
  /** When agents send their next requests: a heap by time. */
  readonly #requests = new RequestQueue();

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.random = new Random(options.seed);
    this.cluster = new SimulatedCluster(options.size, this.random);
    this.network = new PacketNetwork(options.loss, this.random);
    this.#clock = { monotonic: () => this.now * 1000, wall: () => 1.7e12 + this.now * 1000, after: () => () => {} };
    this.#changes = new ChangedOutcomes(this.#clock);
    this.judge = this.newJudge();
    this.replan();
  }

  /** A judge without any past, as of a new leader. */
  newJudge(): Judge {
    this.#changes = new ChangedOutcomes(this.#clock);
    const shared = { budget: new StreamBudget(), changes: this.#changes, onUnjudged };
    return new Judge(this.#clock, judgeOptionsOf(this.#options.timing), shared);
  }

  /** Runs an action at this time, in seconds, or now if that is over. */
  at(time: number, run: () => void): void {
    this.#events.push({ at: time, run });
    this.#events.sort((a, b) => b.at - a.at);
  }

  /** Applies what has changed in the cluster. */
  replan(): void {
    const changed = new Set(this.cluster.replan());
    const uids = new Set(this.cluster.pods.map(({ uid }) => uid));
    for (const uid of this.agents.keys()) {
      if (uids.has(uid)) continue;
      this.agents.delete(uid);
      this.judge.forget(uid);
    }
    for (const pod of this.cluster.pods) {
      let agent = this.agents.get(pod.uid);
      if (agent && !changed.has(pod.uid)) continue;
      const assignment = this.cluster.assignmentOf(pod.uid);
      if (!assignment) continue;
      if (!agent) {
        const { cluster, network, random } = this;
        const { zone } = cluster.nodeAt(pod.place);
        agent = new SimulatedAgent({ pod, zone, cluster, network, random, links: this.#links, at: this.now });
        this.agents.set(pod.uid, agent);
        this.#requests.push(this.now + random.fraction() * this.#options.timing.hold, pod.uid);
      }
      const assign = () => agent.assign(assignment, this.#options.hosts, this.#options.timing, this.now);
      if (this.assignmentDelay > 0) this.at(this.now + this.assignmentDelay, assign);
      else assign();
    }
  }

  /** Runs until this time, in seconds. */
  runUntil(end: number): void {
    let judgedAt = Math.ceil((this.now + 1e-9) / judgedEvery) * judgedEvery;
    for (;;) {
      const eventAt = this.#events.at(-1)?.at ?? Number.POSITIVE_INFINITY;
      const requestAt = this.#requests.first;
      const next = Math.min(eventAt, requestAt, judgedAt);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      if (next === eventAt) this.#events.pop()!.run();
      else if (next === requestAt) this.#request(this.#requests.pop());
      else {
        const verdict = this.#judged();
        this.suspects = verdict.suspects;
        this.onVerdict(verdict, this.now);
        judgedAt += judgedEvery;
      }
    }
    this.now = end;
  }

  #request(uid: string): void {
    const agent = this.agents.get(uid);
    if (!agent) return;
    if (!this.reachesOperator(agent.pod.place)) {
      this.#requests.push(this.now + retryAfter * (0.5 + this.random.fraction()), uid);
      return;
    }
    const { timing } = this.#options;
    this.judge.take(agent.report(this.now, timing));
    const hold = this.#changes.has(uid) ? timing.changedHold : timing.hold;
    const answeredAt = this.now + hold * (1 - holdSpread * this.random.fraction());
    this.#overdueAt.set(uid, answeredAt * 1000 + graceMs);
    this.#requests.push(answeredAt, uid);
  }

  #judged(): Verdict {
    this.cluster.pass(judgedEvery / 60);
    const facts = this.cluster.facts((uid) => this.#overdueAt.get(uid) ?? 0);
    const judging = this.judge.judge(facts);
    const cost = { total: 0, longest: 0 };
    for (;;) {
      const before = process.threadCpuUsage();
      const step = judging.next();
      const { user, system } = process.threadCpuUsage(before);
      const seconds = (user + system) / 1e6;
      cost.total += seconds;
      cost.longest = Math.max(cost.longest, seconds);
      if (!step.done) continue;
      this.costs.push(cost);
      return step.value;
    }
  }
}

function onUnjudged(): never {
  throw new Error('an agent that keeps to its interval is not judged');
}

/** The options of a judge for such times, otherwise at the defaults of the spec. */
export function judgeOptionsOf({ interval, hold }: Timing): JudgeOptions {
  return {
    windowMs: 120_000,
    networkIntervalMs: interval * 1000,
    dnsIntervalMs: interval * 1000,
    networkLatency: 0.01,
    dnsLatency: 0.1,
    failureRatio: 0.05,
    udpPackets: 3,
    holdMs: hold * 1000,
  };
}

/** Agents by the time of their next request: a binary heap. */
class RequestQueue {
  readonly #items: { at: number; uid: string }[] = [];

  get first(): number {
    return this.#items[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  push(at: number, uid: string): void {
    const items = this.#items;
    let place = items.push({ at, uid }) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (items[parent]!.at <= items[place]!.at) return;
      [items[parent], items[place]] = [items[place]!, items[parent]!];
      place = parent;
    }
  }

  pop(): string {
    const items = this.#items;
    const first = items[0]!;
    const last = items.pop()!;
    if (items.length === 0) return first.uid;
    items[0] = last;
    for (let place = 0; ; ) {
      let least = place;
      for (const child of [2 * place + 1, 2 * place + 2])
        if (child < items.length && items[child]!.at < items[least]!.at) least = child;
      if (least === place) return first.uid;
      [items[least], items[place]] = [items[place]!, items[least]!];
      place = least;
    }
  }
}
