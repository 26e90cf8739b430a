import type { Settings } from '../protocol/settings.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import type { Clock } from './clock.ts';
import type { Kernel } from './kernel.ts';
import { KissRestraint } from './kiss-restraint.ts';
import type { Log } from './log.ts';
import { OutcomeLog } from './outcome-log.ts';
import type { AddressLookup } from './peer-lookup.ts';
import { Peers } from './peers.ts';
import type { ProbeMetrics } from './probe-metrics.ts';
import { problemOf } from './probe-problem.ts';
import type { Attempt } from './probes.ts';
import type { KnownPeers, SavedCopy } from './saved-copy.ts';
import { Schedule } from './schedule.ts';
import type { SettingsFile } from './settings-file.ts';
import { judgeSettings } from './settings-version.ts';
import { StartGrace } from './start-grace.ts';
import { type AgentIdentity, planTargets, type ResolverConfiguration, type Target } from './targets.ts';

/** How often the settings file is looked at, in milliseconds. */
const settingsPollMs = 1000;

/** What an agent is made of. */
export interface AgentParts {
  identity: AgentIdentity;
  resolver: ResolverConfiguration;
  settingsFile: SettingsFile;
  savedCopy: SavedCopy;
  lookup: AddressLookup;
  attempt: Attempt;
  kernel: Kernel | undefined;
  probeMetrics: ProbeMetrics;
  agentMetrics: AgentMetrics;
  clock: Clock;
  log: Log;
}

/**
 * Settings and peers → plan of targets → schedule → probe → metrics. The settings file is the source; the agent's own copy stands in for it at
 * a start without one. It fails static: whatever goes away, it goes on with what it knows.
 */
export class Agent {
  readonly #parts: AgentParts;
  readonly #schedule: Schedule;
  readonly #peers: Peers;
  readonly #outcomes: OutcomeLog;
  readonly #startGrace: StartGrace;
  readonly #kissRestraint: KissRestraint;
  #settings: Settings | undefined;
  #cancelPoll = () => {};
  #copyFails = false;
  #lookupFails = false;

  constructor(parts: AgentParts) {
    const { clock, log, identity, agentMetrics, lookup } = parts;
    this.#parts = parts;
    this.#outcomes = new OutcomeLog(log, clock);
    this.#startGrace = new StartGrace(clock);
    this.#kissRestraint = new KissRestraint(clock);
    this.#schedule = new Schedule(clock, identity.nodeName, agentMetrics);
    this.#peers = new Peers(lookup, clock, {
      changed: () => this.#peersChanged(),
      lookedUp: (answered) => this.#peersLookedUp(answered),
    });
  }

  /** Tries the sources of settings for the first time and goes on looking; returns when they were tried. */
  start(): void {
    const copy = this.#parts.savedCopy.readSettings();
    if (copy) this.#offer(copy, 'own copy');
    this.#pollSettings();
  }

  /** Ends all probes, those in flight too. */
  stop(): void {
    this.#cancelPoll();
    this.#peers.follow(undefined);
    this.#schedule.stop();
  }

  #pollSettings(): void {
    const reading = this.#parts.settingsFile.poll();
    if (reading) {
      this.#parts.agentMetrics.settingsRead('settings' in reading);
      if ('settings' in reading) this.#offer(reading.settings, 'settings file');
      else {
        const { code, message } = reading.error;
        const inEffect = this.#settings?.resource.generation;
        this.#parts.log('error', 'settings file cannot be used', { code, reason: message, generation: inEffect });
      }
    }
    this.#cancelPoll = this.#parts.clock.after(settingsPollMs, () => this.#pollSettings());
  }

  #offer(offered: Settings, source: string): void {
    const { log, agentMetrics, savedCopy, resolver } = this.#parts;
    const verdict = judgeSettings(this.#settings, offered);
    const { uid, generation } = offered.resource;
    if (verdict === 'older') log('warn', 'settings of an older generation are left alone', { source, uid, generation });
    if (verdict !== 'take') return;
    this.#settings = offered;
    agentMetrics.settingsInEffect(generation);
    this.#save(() => savedCopy.writeSettings(offered));
    const { enabled, peersPerAgent, peerService } = offered.network;
    const remembered = savedCopy.readPeers();
    this.#peers.follow(
      enabled && peersPerAgent > 0 ? `${peerService}.${resolver.clusterDomain}.` : undefined,
      remembered?.service === peerService ? remembered.addresses : [],
    );
    const targets = this.#plan(offered);
    log('info', 'settings are in effect', { source, uid, generation, targets });
  }

  #peersChanged(): void {
    const settings = this.#settings;
    if (!settings) return;
    const targets = this.#plan(settings);
    const known: KnownPeers = { service: settings.network.peerService, addresses: [...this.#peers.addresses] };
    this.#save(() => this.#parts.savedCopy.writePeers(known));
    this.#parts.log('info', 'peers changed', { addresses: known.addresses.length, targets });
  }

  #peersLookedUp(answered: boolean): void {
    this.#parts.agentMetrics.peersLookedUp(answered);
    if (answered !== this.#lookupFails) return;
    this.#lookupFails = !answered;
    const service = this.#settings?.network.peerService;
    if (answered) this.#parts.log('info', 'peers are looked up again', { service });
    else this.#parts.log('warn', 'peers cannot be looked up; those known stay', { service });
  }

  /** @returns how many targets there are now */
  #plan(settings: Settings): number {
    const { resolver, identity, probeMetrics } = this.#parts;
    const targets = planTargets(settings, resolver, this.#peers.addresses, identity);
    probeMetrics.plan(targets);
    this.#outcomes.keep(targets);
    this.#startGrace.plan(targets);
    this.#kissRestraint.plan(targets);
    this.#schedule.set(
      targets.map((target) => ({
        key: target.key,
        intervalMs: target.intervalMs,
        run: (signal) => this.#turn(target, signal),
      })),
    );
    return targets.length;
  }

  async #turn(target: Target, signal: AbortSignal): Promise<void> {
    const { attempt, kernel, probeMetrics } = this.#parts;
    try {
      const withheld = this.#kissRestraint.insteadOf(target);
      const result = withheld ?? (await attempt(target, { timeoutMs: target.timeoutMs, signal, kernel }));
      if (signal.aborted || this.#startGrace.excuses(target, result)) return;
      if (!withheld) this.#kissRestraint.record(target, result);
      // Nothing was tried, nothing is known.
      else if (result.failures.length === 0) return;
      probeMetrics.record(target, result);
      this.#outcomes.record(target, problemOf(result));
    } catch (error) {
      // A probe rejects for nothing that the network does: this is the agent's own trouble, and this target's alone.
      if (signal.aborted) return;
      probeMetrics.fault(target.probe);
      this.#outcomes.record(target, `fault of the agent: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** A copy that cannot be written is a worse restart some day, and nothing more today. */
  #save(write: () => void): void {
    try {
      write();
      this.#copyFails = false;
    } catch (error) {
      if (!this.#copyFails) this.#parts.log('warn', 'own copy cannot be written', { reason: (error as Error).message });
      this.#copyFails = true;
    }
  }
}
