import type { Clock } from '../../base/clock.ts';
import { parseDuration } from '../../base/durations.ts';
import { isPaused } from '../../contract/agent-names.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import type { Settings } from '../../protocol/settings.ts';
import type { Acknowledgement, Held, SyncRequest } from '../../protocol/sync.ts';
import { keyOf } from '../kube/kube-object.ts';
import type { NodeFacts } from '../plan/node-facts.ts';
import type { AgentPod } from './agent-pod.ts';
import { NetExporterFleet } from './net-exporter-fleet.ts';
import type { Propagation } from './propagation.ts';
import type { AgentIdentity, SyncNews, SyncSource } from './sync-source.ts';

/** Changes that come together are planned for together. Milliseconds. */
const coalesceMs = 100;

/** How often it is looked whether the figures of a status have changed; of those about which nothing was heard, less often. */
const lookMs = 1000;
const idleLooks = 5;

export interface FleetParts {
  /** The pods of a NetExporter's agents; `isGone`: the NetExporter is. */
  podsOf: (resource: NetExporter, isGone: boolean) => AgentPod[];
  nodeOf: (name: string) => NodeFacts | undefined;
  /** `ip:port` of the DNS pods that `spec.dns.service` means; undefined while they are not known, which `outdate` ends. */
  dnsServersOf: (resource: NetExporter) => string[] | undefined;
  /** Whether `spec.dns.service` names a Service that is not to be found. */
  lacksDnsService: (resource: NetExporter) => boolean;
  clock: Clock;
  /** These agents are to be answered now. */
  wake: (podUids: Iterable<string>) => void;
  /** The figures of this NetExporter's status have changed. */
  onFigures: (key: string) => void;
}

/** One NetExporter and its agents. */
interface Member {
  resource: NetExporter;
  fleet: NetExporterFleet;
  /** Whether the NetExporter is gone, and only agents of it are left. */
  isGone: boolean;
  /** Whether nobody may plan by its spec, so that its agents go on with the plan of the leader before. */
  isHeld: boolean;
  /** The DNS pods of the last plan. */
  dnsServers: string[] | undefined;
  /** The figures as they were last told, or asked for. */
  told: string;
}

/**
 * All agents of all NetExporters: who probes whom, what each of them should hold and what it does hold. It knows nothing until
 * this operator leads, and is the source of all that agents are answered.
 */
export class Fleet implements SyncSource {
  readonly #parts: FleetParts;
  readonly #members = new Map<string, Member>();
  readonly #outdated = new Set<string>();
  #epoch: number | undefined;
  #looks = 0;
  #cancelPlan: (() => void) | undefined;
  #cancelLook = () => {};

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  /** This operator leads from now on: plans for these. @param epoch the leader's */
  lead(epoch: number, resources: Iterable<NetExporter>): void {
    this.#epoch = epoch;
    for (const resource of resources) {
      this.plan(resource);
      this.#members.get(keyOf(resource))!.isHeld = isEditedWhilePaused(resource);
    }
    this.#planOutdated();
    this.#lookLater();
  }

  /** What is pending is planned at once, for the next leader needs seconds; then nothing any more. */
  stop(): void {
    if (this.#cancelPlan) this.#planOutdated();
    this.#epoch = undefined;
    this.#cancelLook();
  }

  /** Has the targets of a NetExporter's agents planned by this spec. */
  plan(resource: NetExporter): void {
    if (this.#epoch === undefined) return;
    const key = keyOf(resource);
    const { uid } = resource.metadata;
    const member = this.#members.get(key);
    const windowMs = parseDuration(resource.spec.health.window);
    if (member?.fleet.uid === uid) {
      if (member.resource.metadata.generation !== resource.metadata.generation) member.fleet.isPlanned = false;
      member.resource = resource;
      member.isGone = false;
      member.isHeld = false;
      member.fleet.reports.windowMs = windowMs;
    } else {
      const fleet = new NetExporterFleet({ uid, epoch: this.#epoch, windowMs, clock: this.#parts.clock });
      this.#members.set(key, { resource, fleet, isGone: false, isHeld: false, dnsServers: undefined, told: '' });
    }
    this.outdate(key);
  }

  /** Has a NetExporter's agents use these settings. */
  settle(key: string, settings: Settings): void {
    const member = this.#members.get(key);
    if (member?.fleet.uid !== settings.resource.uid || !member.fleet.settle(settings)) return;
    this.#parts.wake(member.fleet.pods);
  }

  /** The NetExporter is gone. Its agents are told who leaves until the last of them is gone, too. */
  forget(key: string): void {
    const member = this.#members.get(key);
    if (!member) return;
    member.isGone = true;
    this.outdate(key);
  }

  /** What a NetExporter's plan was made of has changed. */
  outdate(key: string): void {
    if (this.#epoch === undefined || !this.#members.has(key)) return;
    this.#outdated.add(key);
    this.#cancelPlan ??= this.#parts.clock.after(coalesceMs, () => this.#planOutdated());
  }

  /** What every plan was made of has changed. */
  outdateAll(): void {
    for (const key of this.#members.keys()) this.outdate(key);
  }

  /** How far a NetExporter's settings and targets have got; undefined while that is not known yet. */
  propagationOf(key: string): Propagation | undefined {
    const member = this.#members.get(key);
    if (!member || member.isGone) return undefined;
    const propagation = this.#propagationOf(member);
    // It is in a status now: when it becomes what was told before it, that is news.
    member.told = JSON.stringify(propagation) ?? '';
    return propagation;
  }

  answerFor({ resource, podUid }: AgentIdentity, held: Held): SyncNews | undefined {
    return this.#members.get(resource)?.fleet.answerFor(podUid, held);
  }

  took({ resource, podUid }: AgentIdentity, request: SyncRequest): Acknowledgement | undefined {
    return this.#members.get(resource)?.fleet.took(podUid, request);
  }

  /** A connection that is lost says nothing: the agent makes another one, or does not report. */
  gone(): void {}

  #planOutdated(): void {
    this.#cancelPlan?.();
    this.#cancelPlan = undefined;
    const { podsOf, nodeOf, dnsServersOf, wake } = this.#parts;
    const changed: string[] = [];
    for (const key of this.#outdated) {
      const member = this.#members.get(key)!;
      const { network, dns } = member.resource.spec;
      const pods = podsOf(member.resource, member.isGone);
      if (member.isGone && pods.length === 0) {
        this.#members.delete(key);
        continue;
      }
      if (member.isHeld) {
        member.fleet.register(pods);
        continue;
      }
      // Of one that is gone they are not watched any more.
      const dnsServers = member.isGone ? member.dnsServers : dnsServersOf(member.resource);
      if (!dnsServers) continue;
      member.dnsServers = dnsServers;
      changed.push(
        ...member.fleet.plan({
          ...{ pods, nodes: nodeOf, dnsServers },
          peersPerAgent: network.peersPerAgent,
          endpointsPerAgent: dns.endpointsPerAgent,
        }),
      );
    }
    this.#outdated.clear();
    if (changed.length > 0) wake(changed);
  }

  /** Agents that fall silent tell nobody: the figures are looked at now and then. */
  #lookLater(): void {
    this.#cancelLook = this.#parts.clock.after(lookMs, () => {
      const all = ++this.#looks % idleLooks === 0;
      for (const [key, member] of this.#members) if (all || member.fleet.stirred) this.#look(key, member);
      this.#lookLater();
    });
  }

  #propagationOf({ resource, fleet }: Member): Propagation | undefined {
    const propagation = fleet.propagation();
    if (!propagation || !this.#parts.lacksDnsService(resource)) return propagation;
    const { namespace, name } = resource.spec.dns.service;
    return { ...propagation, missingDns: `${namespace}/${name}` };
  }

  #look(key: string, member: Member): void {
    member.fleet.stirred = false;
    if (member.isGone) return;
    const figures = JSON.stringify(this.#propagationOf(member)) ?? '';
    if (figures === member.told) return;
    member.told = figures;
    this.#parts.onFigures(key);
  }
}

/** Whether its spec is one that was not to be applied; nobody knows any more what it was before. */
function isEditedWhilePaused(resource: NetExporter): boolean {
  return isPaused(resource) && resource.metadata.generation !== resource.status?.observedGeneration;
}
