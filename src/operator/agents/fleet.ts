import type { Clock } from '../../base/clock.ts';
import { parseDuration } from '../../base/durations.ts';
import { errorText } from '../../base/error-text.ts';
import { isPaused } from '../../contract/agent-names.ts';
import { limitsEgress, type NetExporter } from '../../crd/net-exporter.ts';
import type { Settings } from '../../protocol/settings.ts';
import { type Acknowledgement, type Held, holdMs, type SyncRequest } from '../../protocol/sync.ts';
import { keyOf } from '../kube/kube-object.ts';
import type { NodeFacts } from '../plan/node-facts.ts';
import type { FleetTotals, TotalsCount } from '../reports/fleet-totals.ts';
import { type ReportDrops, ReportMemory } from '../reports/report-memory.ts';
import type { AgentPods } from './agent-pods.ts';
import { NetExporterFleet } from './net-exporter-fleet.ts';
import type { DnsServiceFault, KnownPropagation } from './propagation.ts';
import type { AuthenticatedAgent, SyncNews, SyncSource } from './sync-source.ts';

/** Changes that come within so long are planned for together. Milliseconds. */
const coalesceMs = 100;

/**
 * The figures of a status are compared at most so often, in milliseconds, and after `idleLookMs` without news: agents
 * that fall silent make none.
 */
const lookMs = 1000;
const idleLookMs = 5000;

/** The part of a work queue that the fleet uses. The controller of the queue works on each key once, later. */
export interface KeyQueue {
  add(key: string): void;
  /** @param ms of several times for one key the earliest counts */
  addAfter(key: string, ms: number): void;
}

export interface FleetParts {
  /** The pods of each NetExporter's agents. */
  pods: Pick<AgentPods, 'update' | 'of'>;
  nodeOf: (name: string) => NodeFacts | undefined;
  /**
   * `ip:port` of the DNS pods that `spec.dns.service` means; undefined while they are not known, which `outdate` ends.
   */
  dnsServersOf: (resource: NetExporter) => string[] | undefined;
  /** What is wrong with the Service in `spec.dns.service`; undefined if nothing is known to be. */
  dnsServiceFaultOf: (resource: NetExporter) => DnsServiceFault['reason'] | undefined;
  /** Each key in it is handed to `replan`. */
  plans: KeyQueue;
  /** Each key in it is handed to `compareFigures`. */
  figures: KeyQueue;
  /** The agents of each key in it are to be judged. */
  judgements: KeyQueue;
  /** For how long the request of an agent is to be held at most, in milliseconds. */
  holdMsOf: (podUid: string) => number;
  clock: Clock;
  /** These agents are to be answered now. */
  wake: (podUids: Iterable<string>) => void;
  /** The figures of this NetExporter's status have changed. */
  onFigures: (key: string) => void;
  /** Counts what is dropped of agents' reports. */
  drops: ReportDrops;
}

/** One NetExporter and its agents. */
interface Member {
  resource: NetExporter;
  fleet: NetExporterFleet;
  /** Whether the NetExporter is gone, and only agents of it are left. */
  isGone: boolean;
  /** Whether its spec must not be planned, so that its agents keep the plan of the previous leader. */
  isHeld: boolean;
  /** The DNS pods of the last plan. */
  dnsServers: string[] | undefined;
  /** Why the last attempt to plan failed, in which case another one is due; undefined where it did not. */
  fault: string | undefined;
  /** The figures that were last reported or read. */
  reported: string;
}

/**
 * All agents of all NetExporters: who probes whom, what each of them should hold and what it does hold. It knows
 * nothing until this operator leads, and is the source of all that agents are answered.
 *
 * The order of calls is `lead`, then `plan` and `settle` at each reconcile, `replan` and `compareFigures` for each key
 * of the two queues, and `stop`. What can fail for one NetExporter is in `replan` and `compareFigures` only.
 */
export class Fleet implements SyncSource {
  readonly #parts: FleetParts;
  readonly #members = new Map<string, Member>();
  #memory = new ReportMemory();
  #totalsCount: TotalsCount = { total: 0 };
  #epoch: number | undefined;
  /** When it began to lead, in monotonic milliseconds. */
  #since = 0;

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  /**
   * This operator leads from now on: has the agents of these planned for at once.
   * @param epoch the leader's
   */
  lead(epoch: number, resources: Iterable<NetExporter>): void {
    this.#epoch = epoch;
    this.#since = this.#parts.clock.monotonic();
    for (const resource of resources) {
      this.#take(resource, epoch).isHeld = isEditedWhilePaused(resource);
      this.#parts.plans.add(keyOf(resource));
    }
  }

  /** Stops planning and forgets all agents. Pending plans must be processed, and held requests answered before. */
  stop(): void {
    this.#epoch = undefined;
    this.#members.clear();
    this.#memory = new ReportMemory();
    this.#totalsCount = { total: 0 };
  }

  /** Has the targets of a NetExporter's agents planned by this spec. */
  plan(resource: NetExporter): void {
    if (this.#epoch === undefined) return;
    this.#take(resource, this.#epoch);
    this.outdate(keyOf(resource));
  }

  /** Has a NetExporter's agents use these settings. */
  settle(key: string, settings: Settings): void {
    const member = this.#members.get(key);
    if (member?.fleet.uid !== settings.resource.uid || !member.fleet.settle(settings)) return;
    this.#parts.wake(member.fleet.pods);
  }

  /**
   * The DNS Services whose pods agents query or whose ports a NetworkPolicy allows, those of the oldest NetExporters
   * first, so that every leader prefers the same ones.
   */
  dnsServices(): { service: NetExporter['spec']['dns']['service']; from: string }[] {
    return [...this.#members.values()]
      .filter(
        ({ resource, isGone, isHeld }) => !isGone && !isHeld && (asksDnsPods(resource) || limitsEgress(resource.spec)),
      )
      .map(({ resource }) => resource)
      .sort((a, b) => byAge(a.metadata, b.metadata))
      .map(({ spec, metadata }) => ({ service: spec.dns.service, from: metadata.namespace }));
  }

  /** The NetExporter was deleted. Its agents still receive plans until the last of them is gone. */
  forget(key: string): void {
    const member = this.#members.get(key);
    if (!member) return;
    member.isGone = true;
    this.outdate(key);
  }

  /** What a NetExporter's plan was made of has changed. */
  outdate(key: string): void {
    const member = this.#members.get(key);
    // After a failure the next attempt waits for its time, and sees this change too.
    if (this.#epoch === undefined || !member || member.fault !== undefined) return;
    this.#parts.plans.addAfter(key, coalesceMs);
  }

  /** What every plan was made of has changed. */
  outdateAll(): void {
    for (const key of this.#members.keys()) this.outdate(key);
  }

  /** How far a NetExporter's settings and targets have got. */
  propagationOf(key: string): KnownPropagation {
    const member = this.#members.get(key);
    if (!member || member.isGone) return 'early';
    const propagation = this.#propagationOf(member);
    // It goes into a status now, so a return to the value before is a change.
    member.reported = textOf(member, propagation);
    return propagation;
  }

  /** Why a NetExporter's targets cannot be planned; undefined where they can. */
  faultOf(key: string): string | undefined {
    return this.#members.get(key)?.fault;
  }

  /** Memory that agents' reports take, in bytes. */
  get reportBytes(): number {
    return this.#memory.bytes;
  }

  /** The keys of all NetExporters that have agents, or may have some. */
  keys(): Iterable<string> {
    return this.#members.keys();
  }

  /** Sums of what the agents of each NetExporter have reported, by key. */
  *totals(): Generator<[string, FleetTotals]> {
    for (const [key, { fleet, isGone }] of this.#members) if (!isGone) yield [key, fleet.totals];
  }

  /** What is to be judged of a NetExporter; undefined if it is gone. */
  judgedOf(key: string): { resource: NetExporter; agents: NetExporterFleet } | undefined {
    const member = this.#members.get(key);
    return member && !member.isGone ? { resource: member.resource, agents: member.fleet } : undefined;
  }

  holdMsOf({ resource, podUid }: AuthenticatedAgent): number {
    return this.#members.get(resource)?.fleet.holdMsOf(podUid) ?? holdMs;
  }

  answerFor({ resource, podUid }: AuthenticatedAgent, held: Held): SyncNews | undefined {
    return this.#members.get(resource)?.fleet.answerFor(podUid, held);
  }

  took({ resource, podUid }: AuthenticatedAgent, request: SyncRequest): Acknowledgement | undefined {
    const member = this.#members.get(resource);
    // The plan of a previous leader, and the spec that it is by, are unknown.
    return member?.fleet.took(podUid, request, member.isHeld ? undefined : member.resource);
  }

  /** A connection that is lost says nothing: the agent makes another one, or does not report. */
  gone(): void {}

  /**
   * Brings the targets of one NetExporter's agents up to date.
   * @throws whatever planning throws. It is to be tried again; until it works agents keep what they have
   */
  replan(key: string): void {
    const member = this.#members.get(key);
    if (!member || this.#epoch === undefined) return;
    try {
      this.#planFor(key, member);
      member.fault = undefined;
    } catch (error) {
      member.fault = errorText(error);
      this.#compareLater(key);
      throw error;
    }
  }

  /**
   * Reports the figures of one NetExporter's status where they have changed.
   * @returns when to compare them again, in milliseconds
   */
  compareFigures(key: string): number | undefined {
    const member = this.#members.get(key);
    if (!member || member.isGone || this.#epoch === undefined) return undefined;
    const figures = textOf(member, this.#propagationOf(member));
    if (figures !== member.reported) this.#parts.onFigures(key);
    member.reported = figures;
    return idleLookMs;
  }

  #take(resource: NetExporter, epoch: number): Member {
    const key = keyOf(resource);
    const { uid, generation } = resource.metadata;
    let member = this.#members.get(key);
    const isKnown = member?.fleet.uid === uid && !member.isGone && member.resource.metadata.generation === generation;
    if (!isKnown) this.#parts.judgements.addAfter(key, 0);
    if (member?.fleet.uid !== uid) {
      const onNews = () => this.#compareLater(key);
      member?.fleet.forgetReports();
      const { clock, drops, holdMsOf } = this.#parts;
      const shared = { memory: this.#memory, drops, totalsCount: this.#totalsCount };
      const fleet = new NetExporterFleet({ uid, epoch, clock, ...shared, onNews, holdMsOf });
      const reported = JSON.stringify(fleet.propagation());
      const state = { isGone: false, isHeld: false, dnsServers: undefined, fault: undefined, reported };
      member = { resource, fleet, ...state };
      this.#members.set(key, member);
    } else if (member.resource.metadata.generation !== generation) {
      member.fleet.isPlanned = false;
      // An edit may be what helps.
      member.fault = undefined;
    }
    Object.assign(member, { resource, isGone: false, isHeld: false });
    this.#compareLater(key);
    return member;
  }

  #planFor(key: string, member: Member): void {
    const { resource, fleet, isGone } = member;
    const { network, dns, health } = resource.spec;
    const { nodeOf, wake } = this.#parts;
    this.#parts.pods.update(resource, isGone);
    const pods = this.#parts.pods.of(resource);
    if (isGone && pods.length === 0) {
      fleet.forgetReports();
      this.#members.delete(key);
      return;
    }
    fleet.reports.windowMs = parseDuration(health.window);
    if (member.isHeld) {
      fleet.register(pods);
      return;
    }
    const dnsServers = this.#dnsServersOf(member);
    if (!dnsServers) return;
    member.dnsServers = dnsServers;
    const changed = fleet.plan({
      pods,
      nodes: nodeOf,
      dnsServers,
      peersPerAgent: network.enabled ? network.peersPerAgent : 0,
      endpointsPerAgent: dns.enabled ? dns.endpointsPerAgent : 0,
    });
    if (changed.length > 0) wake(changed);
  }

  /** Undefined while they are not known. */
  #dnsServersOf({ resource, isGone, dnsServers }: Member): string[] | undefined {
    if (!asksDnsPods(resource)) return [];
    // The DNS pods of a deleted NetExporter are no longer watched.
    return isGone ? dnsServers : this.#parts.dnsServersOf(resource);
  }

  /** At the next whole second since it leads: news of many agents come together. */
  #compareLater(key: string): void {
    const { clock, figures } = this.#parts;
    figures.addAfter(key, lookMs - ((clock.monotonic() - this.#since) % lookMs));
  }

  #propagationOf({ resource, fleet }: Member): KnownPropagation {
    const propagation = fleet.propagation();
    if (typeof propagation === 'string' || 'unapplied' in propagation || !asksDnsPods(resource)) return propagation;
    const reason = this.#parts.dnsServiceFaultOf(resource);
    if (!reason) return propagation;
    const { namespace, name } = resource.spec.dns.service;
    return { ...propagation, dnsFault: { service: `${namespace}/${name}`, reason } };
  }
}

/** What a status says of a fleet, as text, to be compared. */
function textOf({ fault }: Member, propagation: KnownPropagation): string {
  return fault ?? JSON.stringify(propagation);
}

/** Orders NetExporters by age, and those of one second by key. */
function byAge(a: NetExporter['metadata'], b: NetExporter['metadata']): number {
  const [first, second] = [a, b].map((metadata) => `${metadata.creationTimestamp} ${keyOf({ metadata })}`);
  return first! < second! ? -1 : 1;
}

/** Whether agents are to ask single DNS pods. */
function asksDnsPods({ spec: { dns } }: NetExporter): boolean {
  return dns.enabled && dns.endpointsPerAgent > 0;
}

/** Whether the spec was edited while paused, so that it must not be applied; the spec before is unknown. */
function isEditedWhilePaused(resource: NetExporter): boolean {
  return isPaused(resource) && resource.metadata.generation !== resource.status?.observedGeneration;
}
