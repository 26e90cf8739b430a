import type { Clock } from '../../base/clock.ts';
import { maxFleetSeries, otherFleetSeries } from '../../contract/metrics/judgement-metrics.ts';
import { networkBuckets, serverBuckets } from '../../contract/metrics/latency-buckets.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import { ProtocolError } from '../../protocol/document.ts';
import type { Settings } from '../../protocol/settings.ts';
import { type Acknowledgement, type Held, holdMs, type SyncRequest, settingsDigest } from '../../protocol/sync.ts';
import { FleetPlan, type PlanChanges, type PlanInput } from '../plan/fleet-plan.ts';
import type { PlannedPod, TargetState } from '../plan/target-states.ts';
import type { LinkPlan } from '../reports/agent-reports.ts';
import { FleetReports } from '../reports/fleet-reports.ts';
import { FleetTotals, type TotalsCount } from '../reports/fleet-totals.ts';
import type { ReportDrops, ReportMemory } from '../reports/report-memory.ts';
import { FleetDnsServers } from './fleet-dns-servers.ts';
import { plannedLinks, possibleLinks } from './planned-links.ts';
import {
  type AgentState,
  type KnownPropagation,
  lackOf,
  type Propagation,
  propagationOf,
  sameAssignment,
  sameSettings,
} from './propagation.ts';
import { settingsOf } from './settings-of.ts';
import type { SyncNews } from './sync-source.ts';

/**
 * An agent that has not called for so long does not report, and one that has been missing something for so long is
 * overdue. Milliseconds.
 */
const silentAfterMs = 3 * holdMs;

/** Within this time nearly every agent calls a new leader. Milliseconds. */
const earlyMs = 5000;

/** Buckets of the sums: those of the agents' own histograms. */
const edges = { network: networkBuckets, dns: serverBuckets };

/** An agent's last call. */
interface Call {
  /** Monotonic milliseconds. */
  at: number;
  held: Held;
  /** For how long it is held at most, in milliseconds. */
  holdMs: number;
}

/** How much later than its last answer at the latest an agent's next request is overdue, in milliseconds. */
const overdueMs = 2000;

/** An agent as it is planned for and heard of. */
export interface FleetAgent {
  /** Of its pod. */
  uid: string;
  node: string;
  state: TargetState;
  /** Where its peers reach it now, each as `ip:port`. */
  addresses: readonly string[];
  /** When its next request is overdue, in monotonic milliseconds; in the past if it has not called. */
  overdueAt: number;
  /** The nodes of its peers. */
  peers: readonly string[];
}

interface RegisteredAgent {
  node: string;
  call: Call | undefined;
  /** Since when it has been missing something, in monotonic milliseconds; undefined if it is not. */
  lacksSince: number | undefined;
}

/** The agents of one NetExporter: what they should hold, and what they do. */
export class NetExporterFleet {
  readonly uid: string;
  /** What they have reported of their targets in the last window of time. */
  readonly reports: FleetReports;
  /** Sums of all that they have reported. */
  readonly totals: FleetTotals;
  /** Whether the plan is by the present spec. Whoever has another spec sets it back. */
  isPlanned = false;
  readonly #clock: Clock;
  readonly #epoch: number;
  readonly #onNews: () => void;
  readonly #holdMsOf: (podUid: string) => number;
  #plan: FleetPlan;
  #hasPlan = false;
  readonly #since: number;
  /** By the pod's uid. */
  readonly #agents = new Map<string, RegisteredAgent>();
  #settings: Settings | undefined;
  /** What agents with these settings report; computed once, because every agent receives the digest. */
  #held: Held['settings'];
  #unlinked: Propagation['unlinked'];
  readonly #dnsServers: FleetDnsServers;
  /** The DNS pods of the last plan. */
  #dnsPods: readonly string[] = [];

  constructor(options: {
    uid: string;
    /** The leader's. */
    epoch: number;
    clock: Clock;
    /** Shared by all NetExporters. */
    memory: ReportMemory;
    drops: ReportDrops;
    /** Shared by all NetExporters. */
    totalsCount: TotalsCount;
    /** Called when `propagation` may have changed, except by the passage of time. */
    onNews: () => void;
    /** For how long the request of an agent is to be held at most, in milliseconds. */
    holdMsOf: (podUid: string) => number;
  }) {
    const { uid, epoch, clock, memory, drops, totalsCount, onNews, holdMsOf } = options;
    this.uid = uid;
    // No report is taken before the first agent is registered, by when the window is known.
    this.reports = new FleetReports({ clock, windowMs: 0, memory, drops });
    const totals = new FleetTotals({ clock, edges, max: maxFleetSeries, other: otherFleetSeries }, totalsCount);
    this.totals = totals;
    this.reports.listeners.add({
      accepted: (podUid, _spanMs, results) => totals.take(this.zoneOf(podUid), results),
    });
    this.#clock = clock;
    this.#epoch = epoch;
    this.#onNews = onNews;
    this.#holdMsOf = holdMsOf;
    this.#plan = new FleetPlan({ uid, epoch, startedAt: clock.wall() });
    this.#since = clock.monotonic();
    this.#dnsServers = new FleetDnsServers(clock);
  }

  /** From now on the agents should hold these. @returns whether they are others than before */
  settle(settings: Settings): boolean {
    const { uid, generation } = settings.resource;
    const held = { uid, generation, digest: settingsDigest(settings) };
    if (sameSettings(this.#held, held)) return false;
    this.#settings = settings;
    this.#held = held;
    this.#noteServers();
    this.#onNews();
    return true;
  }

  /**
   * Plans for these agents.
   * @returns the uids of the pods whose assignment is another one now
   * @throws whatever planning throws. The next plan is then made anew, as by a new leader: agents keep what they have
   *   until then
   */
  plan(input: PlanInput): string[] {
    const { changed, uncovered } = this.#update(input);
    this.#onNews();
    this.isPlanned = true;
    this.#hasPlan = true;
    this.#unlinked = uncovered;
    this.#dnsPods = input.dnsServers;
    this.#noteServers();
    this.register(input.pods);
    return changed;
  }

  #update(input: PlanInput): PlanChanges {
    try {
      return this.#plan.update(input);
    } catch (error) {
      // It may have taken in half of what there is. Revisions rise although the wall clock may have been set back.
      const startedAt = Math.max(this.#clock.wall(), this.#plan.revision);
      this.#plan = new FleetPlan({ uid: this.uid, epoch: this.#epoch, startedAt });
      this.isPlanned = false;
      this.#hasPlan = false;
      throw error;
    }
  }

  #noteServers(): void {
    this.#dnsServers.plan([...this.#dnsPods, ...(this.#settings?.dns.servers ?? [])]);
  }

  /** These are the agents that there are. */
  register(pods: readonly PlannedPod[]): void {
    const known = new Set(pods.map(({ uid }) => uid));
    for (const uid of this.#agents.keys()) {
      if (known.has(uid)) continue;
      this.#agents.delete(uid);
      this.reports.forget(uid);
    }
    for (const { uid, node } of pods) {
      const { call, lacksSince } = this.#agents.get(uid) ?? {};
      this.#agents.set(uid, { node, call, lacksSince });
    }
  }

  /** Forgets all reports. */
  forgetReports(): void {
    this.reports.forgetAll();
    this.totals.clear();
  }

  /** The uids of the agents' pods. */
  get pods(): Iterable<string> {
    return this.#agents.keys();
  }

  /** The settings that its agents should have; undefined while they are not known. */
  get settings(): Settings | undefined {
    return this.#settings;
  }

  /** Whether there is a plan, perhaps by an earlier spec, so that it is known who probes whom. */
  get hasPlan(): boolean {
    return this.#hasPlan;
  }

  /** Whether agents were to query this DNS server, and have not been for less than this time, in milliseconds. */
  hasRetired(server: string, withinMs: number): boolean {
    return this.#dnsServers.isRetired(server, withinMs);
  }

  /** Zone of an agent's node; empty if it is not known. */
  zoneOf(podUid: string): string {
    return this.#plan.agentOf(podUid)?.zone ?? '';
  }

  /** The agents of the plan. */
  *agents(): Generator<FleetAgent> {
    for (const [uid, { node, call }] of this.#agents) {
      const planned = this.#plan.agentOf(uid);
      if (!planned) continue;
      const { state, addresses } = planned;
      const overdueAt = call ? call.at + call.holdMs + overdueMs : Number.NEGATIVE_INFINITY;
      yield { uid, node, state, addresses, overdueAt, peers: this.#plan.peersOf(node) };
    }
  }

  /** What an agent lacks; undefined if it lacks nothing, or is not known. */
  lackOf(podUid: string): string | undefined {
    const agent = this.#agents.get(podUid);
    if (!agent) return undefined;
    const silent = agent.call !== undefined && this.#clock.monotonic() - agent.call.at > silentAfterMs;
    const assignment = this.isPlanned ? this.#plan.versionOf(podUid) : undefined;
    return lackOf({ node: agent.node, held: agent.call?.held, silent, assignment }, this.#held);
  }

  /** The state of each agent of the plan. */
  *states(): Generator<TargetState> {
    for (const uid of this.#agents.keys()) {
      const state = this.#plan.stateOf(uid);
      if (state !== undefined) yield state;
    }
  }

  /** For how long an agent's last request is held at most, in milliseconds. */
  holdMsOf(podUid: string): number {
    return this.#agents.get(podUid)?.call?.holdMs ?? holdMs;
  }

  /** What an agent that holds this lacks; empty where it lacks nothing. */
  answerFor(podUid: string, held: Held): SyncNews {
    const settings = sameSettings(held.settings, this.#held) ? undefined : this.#settings;
    const isLatest = sameAssignment(held.assignment, this.#plan.versionOf(podUid));
    const assignment = isLatest ? undefined : this.#plan.assignmentOf(podUid);
    return {
      ...(settings && { settings, settingsDigest: this.#held!.digest }),
      ...(assignment && { assignment }),
    };
  }

  /**
   * Processes an agent's request.
   * @param resource the NetExporter with the spec by which the agent's targets are planned; undefined while that is
   *   unknown
   * @returns the acknowledgement of its report
   */
  took(podUid: string, { held, report }: SyncRequest, resource: NetExporter | undefined): Acknowledgement | undefined {
    const agent = this.#agents.get(podUid);
    if (!agent) return undefined;
    const now = this.#clock.monotonic();
    const { call } = agent;
    const saysNew =
      !sameSettings(call?.held.settings, held.settings) || !sameAssignment(call?.held.assignment, held.assignment);
    // Most calls say what the one before said: thousands of them need not be looked through for that every second.
    agent.call = { at: now, held, holdMs };
    if (!call || saysNew || now - call.at > silentAfterMs) this.#onNews();
    const acknowledgement = report && this.reports.take(podUid, report, this.#linksOf(podUid, resource));
    agent.call.holdMs = this.#holdMsOf(podUid);
    return acknowledgement;
  }

  /** Evaluated only for links that the agent has not reported yet. */
  #linksOf(podUid: string, resource: NetExporter | undefined): LinkPlan {
    if (!resource) return possibleLinks;
    return (known) => {
      const { service } = resource.spec.network;
      const services = service ? this.#settings?.network.services : [];
      try {
        const settings = settingsOf(resource, []);
        const assignment = this.#plan.assignmentOf(podUid);
        return plannedLinks({ settings, assignment, services, dnsServers: this.#dnsServers })(known);
      } catch (error) {
        if (error instanceof ProtocolError) return () => false;
        throw error;
      }
    };
  }

  /**
   * How far the settings and assignments have got. `early` right after this operator became the leader, unless all
   * agents have called; `unknown` while no agents are known; `unapplied` while no settings are, as those of a paused
   * one.
   */
  propagation(): KnownPropagation {
    const now = this.#clock.monotonic();
    const states = [...this.#agents]
      .filter(([uid]) => isExpected(this.#plan.stateOf(uid)))
      .map(([uid, agent]) => this.#stateOf(uid, agent, now));
    const age = now - this.#since;
    const isEarly = age < silentAfterMs;
    if (age < earlyMs && (states.length === 0 || states.some(({ held }) => held === undefined))) return 'early';
    if (isEarly && states.length === 0) return 'unknown';
    const propagation = propagationOf(states, this.#held, isEarly);
    if (!this.#held) return age < earlyMs ? 'early' : { unapplied: true, reporting: propagation.reporting };
    const unlinked = this.#unlinked;
    return { ...propagation, ...(unlinked && { unlinked }) };
  }

  #stateOf(uid: string, agent: RegisteredAgent, now: number): AgentState {
    const { node, call } = agent;
    const state = {
      ...{ node, held: call?.held, silent: call !== undefined && now - call.at > silentAfterMs },
      assignment: this.isPlanned ? this.#plan.versionOf(uid) : undefined,
    };
    // One that has not started, or whose node is not ready, does not call, and Ready says so.
    const isDue = isServing(this.#plan.stateOf(uid)) && lackOf(state, this.#held) !== undefined;
    const since = state.silent ? call!.at : now;
    agent.lacksSince = isDue ? Math.min(agent.lacksSince ?? since, since) : undefined;
    return { ...state, late: agent.lacksSince !== undefined && now - agent.lacksSince > silentAfterMs };
  }
}

/** An agent that is ready, or should be. */
function isServing(state: TargetState | undefined): boolean {
  return state === 'serving' || state === 'failing';
}

/** An agent that is about to leave does not need the newest settings. */
function isExpected(state: TargetState | undefined): boolean {
  return state !== 'leaving' && state !== 'ended';
}
