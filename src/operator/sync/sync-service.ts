import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { backoffDelay } from '../../base/backoff.ts';
import { type Clock, pause } from '../../base/clock.ts';
import { formatHostPort } from '../../base/host-port.ts';
import { agentNames } from '../../contract/agent-names.ts';
import { apiUses } from '../../contract/api-uses.ts';
import { limitsEgress, type NetExporter } from '../../crd/net-exporter.ts';
import type { Settings } from '../../protocol/settings.ts';
import { holdMs } from '../../protocol/sync.ts';
import type { SyncAccess } from '../../protocol/sync-access.ts';
import type { AgentPod } from '../agents/agent-pod.ts';
import { AgentPods } from '../agents/agent-pods.ts';
import { Fleet, type KeyQueue } from '../agents/fleet.ts';
import type { PropagationFinding } from '../agents/propagation.ts';
import { clusterAddresses } from '../agents/settings-of.ts';
import type { Reflects } from '../cache/reflector-group.ts';
import type { Store, StoreChange } from '../cache/store.ts';
import { ownerKeys } from '../cache/watched-kinds.ts';
import { DnsWatch } from '../dns/dns-watch.ts';
import { resolverService } from '../dns/resolver-service.ts';
import { FleetJudges, type JudgeResult, type KnownFleet } from '../judge/fleet-judges.ts';
import type { JudgedFleet } from '../judge/judged-fleet.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { type KubeObject, keyOf } from '../kube/kube-object.ts';
import type { Resource } from '../kube/resource.ts';
import type { NodeFacts } from '../plan/node-facts.ts';
import type { FleetTotals } from '../reports/fleet-totals.ts';
import type { ReportDrops } from '../reports/report-memory.ts';
import type { AgentsSync } from './agents-sync.ts';
import { newReportMetrics } from './report-metrics.ts';
import { SyncEndpoint } from './sync-endpoint.ts';
import { SyncHub } from './sync-hub.ts';
import type { SyncOptions } from './sync-options.ts';

const dnsPort = 53;

/** Between attempts to find the Service behind it. */
const backoff = { baseMs: 500, maxMs: 30_000 };

export interface SyncServiceParts {
  client: ApiClient;
  options: SyncOptions;
  /** The operator's own. */
  namespace: string;
  /** Those that pods have; empty where they are not known. */
  nameservers: readonly string[];
  resources: Store<NetExporter>;
  /** With an index `owner`. */
  pods: Store<AgentPod>;
  daemonSets: Store<KubeObject>;
  services: Store<KubeObject>;
  nodes: Store<NodeFacts>;
  isLeading: () => boolean;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Logger;
  registry: Registry;
  /** Has a NetExporter reconciled. */
  enqueue: (key: string) => void;
  /** Each key in it is handed to `replan`. */
  plans: KeyQueue;
  /** Each key in it is handed to `compareFigures`. */
  figures: KeyQueue;
  /** Each key in it is handed to `judge`. */
  judgements: KeyQueue;
  /** An object of this resource could not be processed. */
  onFault: (resource: Resource) => void;
}

/**
 * All that agents are synced by, put together. Every operator watches what it needs; only the one that leads plans,
 * answers agents and has the Service lead to it.
 */
export class SyncService implements AgentsSync {
  /** Of all that it needs to know. */
  readonly reflectors: readonly Reflects[];
  readonly #parts: SyncServiceParts;
  readonly #endpoint: SyncEndpoint;
  readonly #dns: DnsWatch;
  readonly #fleet: Fleet;
  readonly #hub: SyncHub;
  readonly #drops: ReportDrops;
  #judges: FleetJudges;
  #agentPods: AgentPods;
  /** The DNS ports that were returned for a NetExporter, by its key. */
  readonly #dnsPorts = new Map<string, string>();
  /** Aborted at the end of the term. */
  #end = new AbortController();
  #isLeading = false;
  #serving: Promise<unknown> = Promise.resolve();

  constructor(parts: SyncServiceParts) {
    this.#parts = parts;
    const { client, options, namespace, pods, daemonSets, isLeading, clock, random, log, registry } = parts;
    const watching = { clock, random, log, onFault: parts.onFault };
    const nodeOf = (name: string) => parts.nodes.get(`/${name}`);
    this.#dns = new DnsWatch({
      ...{ client, resource: apiUses.endpointSlices, nodeOf, ...watching },
      onChange: () => {
        this.#fleet.outdateAll();
        this.#enqueueOtherPorts();
      },
    });
    this.#agentPods = new AgentPods(pods, daemonSets);
    this.#drops = newReportMetrics(registry, () => this.#fleet.reportBytes);
    this.#judges = this.#newJudges();
    this.#fleet = new Fleet({
      pods: {
        update: (resource, isGone) => this.#agentPods.update(resource, isGone),
        of: (resource) => this.#agentPods.of(resource),
      },
      nodeOf,
      dnsServersOf: ({ spec }) => this.#dns.serversOf(spec.dns.service),
      dnsServiceFaultOf: ({ spec }) => {
        if (this.#dns.isBeyondLimit(spec.dns.service)) return 'beyondLimit';
        if (this.#dns.hasTooManyPods(spec.dns.service)) return 'tooManyPods';
        return this.#dns.isMissing(spec.dns.service) ? 'missing' : undefined;
      },
      plans: parts.plans,
      figures: parts.figures,
      judgements: parts.judgements,
      holdMsOf: (podUid) => this.#judges.holdMsOf(podUid),
      wake: (podUids) => this.#hub.wake(podUids),
      onFigures: (key) => parts.enqueue(key),
      drops: this.#drops,
      clock,
    });
    this.#hub = new SyncHub({ source: this.#fleet, clock, random, holdMs, log });
    this.#endpoint = new SyncEndpoint({
      ...{ client, options, namespace, hub: this.#hub, isLeading, registry, ...watching },
      podAt: (key) => {
        const pod = pods.get(key);
        return pod && { uid: pod.uid, owner: pod.owner, node: pod.node, isAgent: this.#agentPods.isAgent(pod) };
      },
      onChange: () => this.#enqueueAll(),
    });
    this.reflectors = this.#endpoint.reflectors;
  }

  /** What people should know although agents can sync, each in a sentence. */
  get notices(): string[] {
    return this.#dns.notices;
  }

  /** This operator leads: plans, answers agents and leads them here, until `stop`. @param epoch the leader's */
  lead(epoch: number): void {
    this.#end = new AbortController();
    this.#isLeading = true;
    this.#hub.open();
    this.#fleet.lead(epoch, this.#parts.resources.values());
    this.#watchDns();
    this.#serving = Promise.all([this.#endpoint.serve(this.#end.signal), this.#findResolver(this.#end.signal)]);
  }

  /**
   * Answers held requests, stops the server and the watches of DNS pods, and forgets all agents. Pending plans must be
   * processed before. `lead` may follow.
   */
  async stop(): Promise<void> {
    this.#isLeading = false;
    this.#end.abort(new Error('the operator is stopping'));
    this.#hub.close();
    this.#fleet.stop();
    this.#judges = this.#newJudges();
    this.#agentPods = new AgentPods(this.#parts.pods, this.#parts.daemonSets);
    this.#dnsPorts.clear();
    await Promise.all([this.#dns.stop(), this.#serving]);
  }

  /** A pod of an agent came, went or became another. */
  podChanged({ before, after }: StoreChange<AgentPod>): void {
    for (const owner of new Set([before?.owner, after?.owner])) if (owner !== undefined) this.#fleet.outdate(owner);
  }

  /** A node came, went or became another. */
  nodeChanged({ before, after }: StoreChange<NodeFacts>): void {
    if (!isDeepStrictEqual(before, after)) this.#fleet.outdateAll();
  }

  /** A child of a NetExporter, perhaps its DaemonSet, came, went or became another. */
  childChanged({ before, after }: StoreChange<KubeObject>): void {
    for (const object of [before, after]) for (const key of object ? ownerKeys(object) : []) this.#fleet.outdate(key);
  }

  /** The NetExporter of this key is gone; another one may have its name. */
  forget(key: string): void {
    this.#fleet.forget(key);
    this.#dnsPorts.delete(key);
    this.#watchDns();
  }

  access(): SyncAccess | undefined {
    return this.#endpoint.access;
  }

  dnsPortsOf(resource: NetExporter): number[] | undefined {
    const ports = this.#dns.portsOf(resource.spec.dns.service);
    this.#dnsPorts.set(keyOf(resource), String(ports));
    return ports;
  }

  plan(resource: NetExporter): void {
    this.#fleet.plan(resource);
    this.#watchDns();
  }

  settle(key: string, settings: Settings): void {
    this.#fleet.settle(key, settings);
  }

  findingOf(key: string): PropagationFinding {
    const propagation = this.#fleet.propagationOf(key);
    const { obstacle } = this.#endpoint;
    if (obstacle !== undefined) return { obstacle };
    const unplanned = this.#fleet.faultOf(key);
    return unplanned === undefined ? propagation : { unplanned };
  }

  /**
   * Brings the targets of a NetExporter's agents up to date.
   * @throws whatever planning throws: it is to be tried again
   */
  replan(key: string): void {
    this.#fleet.replan(key);
  }

  /**
   * Has a NetExporter reconciled where its figures have changed.
   * @returns when to compare them again, in milliseconds
   */
  compareFigures(key: string): number | undefined {
    return this.#fleet.compareFigures(key);
  }

  /**
   * Judges a NetExporter's agents, in slices.
   * @returns undefined if it is gone, or if the signal was aborted
   * @throws whatever judging throws: it is to be tried again
   */
  judge(key: string, signal: AbortSignal): Promise<JudgeResult | undefined> {
    return this.#judges.judge(key, signal);
  }

  judgedOf(key: string): JudgedFleet | undefined {
    return this.#judges.shownOf(key);
  }

  /** What is known of the agents of a NetExporter; undefined if it is gone. */
  knownOf(key: string): KnownFleet | undefined {
    return this.#judges.knownOf(key);
  }

  /** The address of the leader; undefined without one. */
  get leaderAddress(): string | undefined {
    return this.#endpoint.leaderAddress;
  }

  /** The last judgements by the keys of NetExporters. */
  judgements(): Iterable<[string, JudgedFleet]> {
    return this.#judges.latest();
  }

  /** Sums of what the agents have reported, by the keys of NetExporters. */
  totals(): Iterable<[string, FleetTotals]> {
    return this.#fleet.totals();
  }

  #newJudges(): FleetJudges {
    const { nameservers, nodes, services, clock } = this.#parts;
    return new FleetJudges({
      fleetOf: (key) => this.#fleet.judgedOf(key),
      nodeOf: (name) => nodes.get(`/${name}`),
      dnsPodsOf: ({ spec }) => this.#dns.podsOf(spec.dns.service),
      addressesOf: ({ metadata: { namespace, name } }) =>
        clusterAddresses(services.get(keyOf({ metadata: { namespace, name: agentNames(name).agent } }))),
      isResolver: ({ spec }) => this.#dns.isResolver(spec.dns.service),
      nameservers: nameservers.map((address) => formatHostPort(address, dnsPort)),
      clock,
      onUnjudged: () => this.#drops.targets('unjudged', 1),
    });
  }

  /** Plans for all NetExporters again, and forgets deleted ones, because a change may have been missed. */
  resync(): void {
    for (const key of this.#fleet.keys()) if (!this.#parts.resources.get(key)) this.#fleet.forget(key);
    this.#watchDns();
    this.#fleet.outdateAll();
  }

  /** For NetExporters that do not name the cluster's DNS, where it has not the usual label. It never rejects. */
  async #findResolver(signal: AbortSignal): Promise<void> {
    const { client, nameservers, clock, random, log } = this.#parts;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const service = await resolverService(client, apiUses.services, nameservers, signal);
        if (signal.aborted) return;
        this.#dns.useResolver(service, nameservers.length > 0);
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.debug({ err: error }, "cannot look up the Service of the cluster's DNS, will retry");
        if (failures === 0) this.#dns.useResolver(undefined, false);
        await pause(clock, backoffDelay(++failures, backoff, random), signal);
      }
    }
  }

  /** Only while it leads: a change of a NetExporter must not bring back the watches of an earlier term. */
  #watchDns(): void {
    if (this.#isLeading) this.#dns.watch(this.#fleet.dnsServices());
  }

  /** Has those reconciled whose DNS pods serve at other ports than their NetworkPolicy was made for. */
  #enqueueOtherPorts(): void {
    for (const [key, before] of this.#dnsPorts) {
      const resource = this.#parts.resources.get(key);
      if (!resource || !limitsEgress(resource.spec)) {
        this.#dnsPorts.delete(key);
        continue;
      }
      const ports = String(this.#dns.portsOf(resource.spec.dns.service));
      if (ports !== before) {
        this.#dnsPorts.set(key, ports);
        this.#parts.enqueue(key);
      }
    }
  }

  #enqueueAll(): void {
    for (const resource of this.#parts.resources.values()) this.#parts.enqueue(keyOf(resource));
  }
}
