import type { Clock } from '../base/clock.ts';
import { tickMs } from '../base/tick-clock.ts';
import type { Settings } from '../protocol/settings.ts';
import { syncVersion } from '../protocol/sync.ts';
import type { SyncAccess } from '../protocol/sync-access.ts';
import type { Kernel } from './kernel/kernel.ts';
import type { Log } from './log.ts';
import type { AgentMetrics } from './metrics/agent-metrics.ts';
import type { ProbeMetrics } from './metrics/probe-metrics.ts';
import type { SyncMetrics } from './metrics/sync-metrics.ts';
import { NtpBackoff } from './plan/ntp-backoff.ts';
import { Schedule } from './plan/schedule.ts';
import { StartGrace } from './plan/start-grace.ts';
import { type LimitedTargets, withinLimits } from './plan/target-limits.ts';
import { problemOf, TargetStateLog } from './plan/target-state-log.ts';
import {
  groupOf,
  isUndisturbed,
  type PodIdentity,
  planTargets,
  type ResolverConfiguration,
  slotOf,
  type Target,
} from './plan/targets.ts';
import type { AddressLookup } from './probes/peer-lookup.ts';
import type { Attempt } from './probes/probes.ts';
import type { UdpSockets } from './probes/udp-sockets.ts';
import type { MountedFile } from './sources/mounted-file.ts';
import { type ProbeInputs, Sources } from './sources/sources.ts';
import type { StateCache } from './sources/state-cache.ts';
import { ReportLedger } from './sync/report-ledger.ts';
import { SyncClient, type SyncTransport } from './sync/sync-client.ts';

/** Timeout of the final report, in milliseconds. Must be shorter than the shutdown grace period in main.ts. */
const lastReportMs = 2000;

/** The dependencies of an agent. */
export interface AgentParts {
  identity: PodIdentity;
  resolver: ResolverConfiguration;
  settingsFile: MountedFile<Settings>;
  /** Without this file the agent runs without the operator. */
  syncAccessFile: MountedFile<SyncAccess>;
  operator: SyncTransport;
  stateCache: StateCache;
  lookup: AddressLookup;
  attempt: Attempt<Target>;
  kernel: Kernel | undefined;
  udpSockets: UdpSockets | undefined;
  probeMetrics: ProbeMetrics;
  agentMetrics: AgentMetrics;
  syncMetrics: SyncMetrics;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Log;
}

/**
 * Runs the pipeline: sources of settings and peers → target plan → schedule → probes → metrics and reports to the
 * operator. A failure in one stage does not stop the others.
 */
export class Agent {
  readonly #parts: AgentParts;
  readonly #sources: Sources;
  readonly #sync: SyncClient;
  readonly #reports: ReportLedger;
  readonly #schedule: Schedule;
  readonly #targetStates: TargetStateLog;
  readonly #startGrace: StartGrace;
  #dialsService = false;
  readonly #ntpBackoff: NtpBackoff;
  /** Number of targets that are left out. */
  #leftOut = 0;

  constructor(parts: AgentParts) {
    const { clock, random, log, identity, resolver, agentMetrics, syncMetrics, operator } = parts;
    this.#parts = parts;
    this.#targetStates = new TargetStateLog(log, clock);
    this.#startGrace = new StartGrace(clock);
    this.#ntpBackoff = new NtpBackoff(clock);
    this.#reports = new ReportLedger(clock, syncMetrics);
    this.#schedule = new Schedule(clock, identity.nodeName, agentMetrics, parts.kernel ? tickMs : 1);
    this.#sources = new Sources(
      { ...parts, clusterDomain: resolver.clusterDomain },
      {
        changed: (inputs) => this.#plan(inputs),
        access: (access) => {
          syncMetrics.asks(access !== undefined);
          this.#sync.use(access);
        },
        settingsRead: (good) => agentMetrics.settingsRead(good),
        settingsInEffect: (generation, source) => {
          agentMetrics.settingsInEffect(generation);
          syncMetrics.settingsFrom(source);
        },
        peersInEffect: (revision, source) => syncMetrics.peersInEffect(revision, source),
        zoneInEffect: (zone) => agentMetrics.location(identity.nodeName, zone),
        peersLookedUp: (answered) => agentMetrics.peersLookedUp(answered),
      },
    );
    this.#sync = new SyncClient({
      connection: operator,
      dialogue: {
        request: () => {
          const report = this.#reports.report();
          return { version: syncVersion, held: this.#sources.held, ...(report && { report }) };
        },
        answered: ({ held }, answer) => {
          if (answer.acknowledged) this.#reports.acknowledge(answer.acknowledged);
          return this.#sources.answered(held, answer);
        },
        rejected: () => this.#reports.reject(),
        lastRequest: () => {
          const report = this.#reports.report();
          return report && { version: syncVersion, held: this.#sources.held, report, leaving: true };
        },
        lastAnswered: ({ acknowledged }) => acknowledged !== undefined && this.#reports.acknowledge(acknowledged),
      },
      events: syncMetrics,
      ...{ clock, random, log },
    });
  }

  /** Reads the local sources once, then keeps polling all sources. Returns after the first local read. */
  start(): void {
    this.#sources.start();
  }

  /** Aborts all probes, including those in flight, and sends a final report if that takes at most two seconds. */
  stop(): void {
    this.#sources.stop();
    this.#schedule.stop();
    void this.#sync.finish(lastReportMs);
  }

  /** Whether the agents dial their own Service, as far as this one knows. */
  get dialsService(): boolean {
    return this.#dialsService;
  }

  /** @returns the number of targets */
  #plan({ settings, peers }: ProbeInputs): number {
    this.#dialsService = settings.network.enabled && settings.network.services.length > 0;
    const { resolver, identity, probeMetrics, agentMetrics, kernel } = this.#parts;
    const { targets, leftOut } = withinLimits(planTargets(settings, resolver, peers, identity));
    agentMetrics.leftOut(leftOut);
    this.#logLeftOut(leftOut);
    probeMetrics.plan(targets);
    this.#reports.plan(targets);
    this.#targetStates.keep(targets);
    this.#startGrace.plan(targets);
    this.#ntpBackoff.plan(targets);
    const timing = kernel ? 'kernel' : 'clock';
    this.#schedule.set(
      targets.map((target) => ({
        key: target.key,
        slot: slotOf(target, timing),
        isShared: isUndisturbed(target, timing),
        group: groupOf(target),
        intervalMs: target.intervalMs,
        run: (signal) => this.#turn(target, signal),
      })),
    );
    return targets.length;
  }

  /** Logs changes only: targets are planned again with each assignment. */
  #logLeftOut(leftOut: LimitedTargets['leftOut']): void {
    const { log } = this.#parts;
    const count = Object.values(leftOut).reduce((sum, each) => sum + each, 0);
    if (count === this.#leftOut) return;
    this.#leftOut = count;
    if (count > 0) log('warn', 'too many targets, some are not probed', { ...leftOut });
    else log('info', 'all targets are probed again');
  }

  async #turn(target: Target, signal: AbortSignal): Promise<void> {
    const { attempt, kernel, udpSockets, probeMetrics, agentMetrics } = this.#parts;
    try {
      const skipped = this.#ntpBackoff.resultWhileBackingOff(target);
      const result = skipped ?? (await attempt(target, { timeoutMs: target.timeoutMs, signal, kernel, udpSockets }));
      if (signal.aborted || this.#startGrace.excuses(target, result)) return;
      if (!skipped) this.#ntpBackoff.record(target, result);
      // The turn was skipped: there is no result to record.
      else if (result.failures.length === 0) return;
      probeMetrics.record(target, result);
      agentMetrics.timesRefused(result.refusedTimes ?? 0);
      if (result.skipped) return agentMetrics.skipped(result.skipped, 1);
      this.#reports.record(target, result);
      this.#targetStates.record(target, problemOf(result));
    } catch (error) {
      // Probes resolve for network failures, so a rejection is an error of the agent. It affects this target only.
      if (signal.aborted) return;
      probeMetrics.fault(target.probe);
      this.#targetStates.record(target, `agent error: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
