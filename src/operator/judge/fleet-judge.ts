import type { Clock } from '../../base/clock.ts';
import { suspectKinds, suspectReasons } from '../../contract/suspects.ts';
import type { NetExporter } from '../../crd/net-exporter.ts';
import type { StatusSuspect } from '../../crd/status.ts';
import type { Settings } from '../../protocol/settings.ts';
import type { FleetAgent, NetExporterFleet } from '../agents/net-exporter-fleet.ts';
import { settingsOf } from '../agents/settings-of.ts';
import { withinLimits } from '../agents/within-limits.ts';
import type { DnsPod } from '../dns/dns-service.ts';
import type { NodeFacts } from '../plan/node-facts.ts';
import { targetStates } from '../plan/target-states.ts';
import type { AcceptedResult } from '../reports/agent-reports.ts';
import type { ReportListener } from '../reports/fleet-reports.ts';
import type { Link } from '../reports/link-table.ts';
import { DnsPodShares } from './dns-pod-shares.ts';
import { horizonsOf, maxWindowMs } from './fleet-facts.ts';
import { Judge, type Suspect, type Verdict } from './judge.ts';
import { isProbed, judgeOptionsOf } from './judge-options.ts';
import type { JudgedFleet, JudgedPart, UnknownReason } from './judged-fleet.ts';
import { linkStatesOf } from './link-states.ts';
import type { Observations, SharedObservations } from './observations.ts';

/** What a judgement needs to know besides reports. */
export interface FleetSources {
  nodeOf: (name: string) => NodeFacts | undefined;
  /** The pods behind the Service in `spec.dns.service`. */
  dnsPodsOf: (resource: NetExporter) => DnsPod[];
  /** The cluster IPs of the agents' Service; none while there is no such Service. */
  addressesOf: (resource: NetExporter) => string[];
  /** Whether the nameservers of pods are addresses of that Service. */
  isResolver: (resource: NetExporter) => boolean;
  /** The nameservers of pods, each as `ip:port`; empty where they are not known. */
  nameservers: readonly string[];
}

/** What has been counted, and how much of the window it covers, in milliseconds. */
export interface JudgedEvidence {
  observations: Observations;
  coveredMs: number;
}

/** So many streams are summed up without a break. */
const streamsPerSlice = 20_000;

/** Judges the agents of one NetExporter by its spec, its plan and what is reported. */
export class FleetJudge implements ReportListener {
  readonly #clock: Clock;
  readonly #fleet: NetExporterFleet;
  readonly #sources: FleetSources;
  readonly #shared: SharedObservations;
  readonly #shares = new DnsPodShares();
  /** Undefined while nothing is judged. */
  #judge: Judge | undefined;
  /** By which reports are taken in. */
  #settings: Settings | undefined;
  /** By which all links that are not judged have been forgotten. */
  #keptBy: Settings | undefined;
  #windowMs = 0;
  #derived: { resource: NetExporter; settings: Settings } | undefined;

  constructor(clock: Clock, fleet: NetExporterFleet, sources: FleetSources, shared: SharedObservations) {
    this.#clock = clock;
    this.#fleet = fleet;
    this.#sources = sources;
    this.#shared = shared;
    fleet.reports.listeners.add(this);
  }

  /** UID of the NetExporter. */
  get uid(): string {
    return this.#fleet.uid;
  }

  /** By what it judges; undefined while nothing is judged. */
  get evidence(): JudgedEvidence | undefined {
    const judge = this.#judge;
    return judge && { observations: judge.observations, coveredMs: judge.coveredMs };
  }

  accepted(podUid: string, spanMs: number, all: readonly AcceptedResult[]): void {
    const settings = this.#settings;
    if (!this.#judge || !settings) return;
    const results = all.filter(([link]) => this.#isJudged(settings, link));
    this.#judge.take({ agent: podUid, zone: this.#fleet.zoneOf(podUid), spanMs, results });
  }

  forgotten(podUid: string): void {
    this.#judge?.forget(podUid);
  }

  /** Forgets everything. */
  close(): void {
    this.#fleet.reports.listeners.delete(this);
    this.#judge?.close();
    this.#judge = undefined;
  }

  /**
   * Judges what is known now. Yields between slices.
   * @throws ProtocolError or RangeError for a spec that the rules of the CRD reject
   */
  *judge(resource: NetExporter): Generator<void, JudgedFleet> {
    const { spec, metadata } = resource;
    const settings = this.#fleet.settings ?? this.#settingsBy(resource);
    const options = judgeOptionsOf(spec, settings);
    const { whole: windowMs } = horizonsOf(options);
    const isEnabled = (settings.dns.enabled || settings.network.enabled) && windowMs <= maxWindowMs;
    const agents = [...this.#fleet.agents()];
    const now = this.#clock.monotonic();
    const dnsPods = this.#shares.update(this.#sources.dnsPodsOf(resource), now, windowMs);
    if (!isEnabled) return this.#unjudged(resource, settings, { windowMs, agents });
    const judge = yield* this.#judgeBy(resource, settings, options);
    const verdict = yield* judge.judge({
      agents,
      nodes: this.#sources.nodeOf,
      dnsPods,
      resolvers: this.#sources.isResolver(resource) ? this.#sources.nameservers : [],
      services: settings.network.services,
      isExempt: (node) => this.#sources.nodeOf(node)?.isExempt === true,
    });
    const parts = yield* partsOf(judge.observations);
    yield;
    const links = yield* linkStatesOf(judge.observations, agents, options.failureRatio, now);
    const unknown = unknownReason(verdict, this.#fleet.hasPlan);
    const { network, dns } = settings;
    const isAlone = verdict.agents < 2;
    return {
      generation: metadata.generation,
      judgedAt: this.#clock.wall(),
      windowMs,
      verdict,
      dns: {
        ...parts.dns,
        unknown: dns.enabled ? (unknown ?? withoutResults(parts.dns)) : 'Disabled',
        ...this.#askedOf(settings, dnsPods),
      },
      network: {
        ...parts.network,
        unknown: network.enabled ? (unknown ?? (isAlone ? 'NoPeers' : withoutResults(parts.network))) : 'Disabled',
        links,
      },
    };
  }

  /** Those of a paused NetExporter, which are not applied. */
  #settingsBy(resource: NetExporter): Settings {
    if (this.#derived?.resource !== resource) {
      const addresses = this.#sources.addressesOf(resource);
      const { settings } = withinLimits(settingsOf(resource, addresses), resource.spec.dns.endpointsPerAgent);
      this.#derived = { resource, settings };
    }
    return this.#derived.settings;
  }

  *#judgeBy(
    resource: NetExporter,
    settings: Settings,
    options: ReturnType<typeof judgeOptionsOf>,
  ): Generator<void, Judge> {
    if (this.#settings !== settings) {
      this.#settings = settings;
      this.#windowMs = horizonsOf(options).whole;
    }
    // A judgement that was broken off may not have forgotten all of them.
    if (this.#keptBy !== settings) {
      if (this.#judge) yield* this.#judge.observations.keep((link) => this.#isJudged(settings, link));
      this.#keptBy = settings;
    }
    if (!this.#judge) {
      this.#judge = new Judge(this.#clock, options, this.#shared);
      this.#judge.adopt(suspectsIn(resource.status?.suspects));
    }
    this.#judge.use(options);
    return this.#judge;
  }

  /** Agents still report a server that was removed from the spec a moment ago, unless it is their nameserver. */
  #isJudged(settings: Settings, link: Link): boolean {
    if (!isProbed(settings, link)) return false;
    return !this.#fleet.hasRetired(link.server, this.#windowMs) || this.#sources.nameservers.includes(link.server);
  }

  #unjudged(
    resource: NetExporter,
    settings: Settings,
    { windowMs, agents }: { windowMs: number; agents: readonly FleetAgent[] },
  ): JudgedFleet {
    const cleared = this.#judge?.suspects ?? [];
    this.#judge?.close();
    this.#judge = undefined;
    const now = this.#clock.monotonic();
    const counted = agents.filter(({ state }) => targetStates[state].counted);
    const verdict: Verdict = {
      ...{ suspects: [], raised: [], cleared, isWarming: false, highestOther: 0 },
      agents: counted.length,
      reporting: counted.filter(({ overdueAt }) => now <= overdueAt).length,
    };
    const part = (isProbing: boolean): JudgedPart => ({
      ...{ unknown: isProbing ? 'IntervalTooLong' : 'Disabled', attempts: 0, failures: 0 },
      ...{ p50: undefined, p99: undefined },
    });
    return {
      generation: resource.metadata.generation,
      judgedAt: this.#clock.wall(),
      windowMs,
      verdict,
      dns: { ...part(settings.dns.enabled), ...this.#askedOf(settings, []) },
      network: { ...part(settings.network.enabled), links: { ok: 0, slow: 0, failing: 0, unreported: 0 } },
    };
  }

  /** How many DNS servers and names agents query, by the spec. */
  #askedOf({ dns }: Settings, pods: readonly { address: string; state: keyof typeof targetStates }[]) {
    if (!dns.enabled) return { servers: 0, hosts: 0 };
    const asked = pods.filter(({ state }) => targetStates[state].probed).map(({ address }) => address);
    const nameserver = this.#sources.nameservers[0] ?? 'the one of each agent';
    return { servers: new Set([nameserver, ...dns.servers, ...asked]).size, hosts: Math.max(1, dns.hosts.length) };
  }
}

function unknownReason({ isWarming, agents, reporting }: Verdict, hasPlan: boolean): UnknownReason | undefined {
  if (isWarming) return 'Warming';
  if (!hasPlan) return 'NotSynced';
  return agents > 0 && reporting === 0 ? 'NoReports' : undefined;
}

/** That no fault is known says nothing while there is no result, because no agent runs or none has probed yet. */
function withoutResults({ attempts }: Pick<JudgedPart, 'attempts'>): UnknownReason | undefined {
  return attempts === 0 ? 'Warming' : undefined;
}

/** Sums of the lookups, and of the dials and echoes. Yields between slices. */
function* partsOf(observations: Observations): Generator<void, Record<'dns' | 'network', Omit<JudgedPart, 'unknown'>>> {
  const sums = { dns: { attempts: 0, failures: 0 }, network: { attempts: 0, failures: 0 } };
  const { counts, links, latencies } = observations;
  const attempts = counts.sums('attempts', 'whole');
  const failures = (['failed', 'answered', 'refused'] as const).map((counter) => counts.sums(counter, 'whole'));
  // Streams that begin between slices are beyond these sums.
  const size = counts.size;
  for (let stream = 0; stream < size; stream++) {
    if (stream % streamsPerSlice === streamsPerSlice - 1) yield;
    const link = links[stream];
    if (!link) continue;
    const sum = sums[link.probe === 'dns' ? 'dns' : 'network'];
    sum.attempts += attempts[stream]!;
    for (const failed of failures) sum.failures += failed[stream]!;
  }
  const part = (name: 'dns' | 'network') => {
    const [p50, p99] = latencies[name].quantiles([0.5, 0.99]);
    return { ...sums[name], p50, p99 };
  };
  return { dns: part('dns'), network: part('network') };
}

/** The suspects in a status that an operator of this version can judge. */
function suspectsIn(suspects: readonly StatusSuspect[] = []): Suspect[] {
  const isOneOf = (values: readonly string[], value: string) => values.includes(value);
  return suspects
    .filter(({ kind, reason }) => isOneOf(suspectKinds, kind) && isOneOf(suspectReasons, reason))
    .map((suspect) => ({ ...suspect, since: Date.parse(suspect.since) }) as Suspect)
    .filter(({ since }) => Number.isFinite(since));
}
