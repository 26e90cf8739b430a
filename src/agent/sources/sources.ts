import type { Clock } from '../../base/clock.ts';
import type { Assignment } from '../../protocol/assignment.ts';
import type { Settings } from '../../protocol/settings.ts';
import type { Held, SyncAnswer } from '../../protocol/sync.ts';
import type { SyncAccess } from '../../protocol/sync-access.ts';
import type { Log } from '../log.ts';
import type { AvailablePeers } from '../plan/targets.ts';
import type { AddressLookup } from '../probes/peer-lookup.ts';
import { FallbackPeers } from './fallback-peers.ts';
import type { MountedFile } from './mounted-file.ts';
import { SourceChoice } from './source-choice.ts';
import type { LiveSource, Source } from './source-decision.ts';
import { SourceLog } from './source-log.ts';
import type { StateCache } from './state-cache.ts';
import { StateCacheWriter } from './state-cache-writer.ts';

/** Poll interval of the mounted files, in milliseconds. */
const filePollMs = 1000;

/** Inputs of the target plan. */
export interface ProbeInputs {
  settings: Settings;
  peers: AvailablePeers;
}

/** The dependencies of the sources. */
export interface SourcesParts {
  settingsFile: MountedFile<Settings>;
  syncAccessFile: MountedFile<SyncAccess>;
  stateCache: StateCache;
  lookup: AddressLookup;
  /** The cluster domain, without leading or trailing dots. */
  clusterDomain: string;
  clock: Clock;
  log: Log;
}

/** Events of the sources. */
export interface SourcesEvents {
  /** The inputs changed. @returns the number of targets that they result in */
  changed(inputs: ProbeInputs): number;
  /** How to reach the operator; undefined: there is no operator to sync with. */
  access(access: SyncAccess | undefined): void;
  settingsInEffect(generation: number, source: Source): void;
  /** The settings file changed; `good` is whether it is valid. */
  settingsRead(good: boolean): void;
  /**
   * Where peers come from: an assignment (revision 0 if there is none), or the agents' Service; undefined while the
   * agent waits for an assignment.
   */
  peersInEffect(revision: number, source: Source | 'service' | undefined): void;
  /** Zone of the agent's node, as assigned; empty if the node has none or the zone is unknown. */
  zoneInEffect(zone: string): void;
  /** The agents' Service was looked up. */
  peersLookedUp(answered: boolean): void;
}

/**
 * Combines all sources of what to probe: the operator's responses, the mounted settings file, the state cache at start,
 * and, if no assignment arrives or there is no operator, the addresses of the agents' Service. It fails static: if a
 * source becomes unavailable, its last known state stays in effect.
 */
export class Sources {
  readonly #parts: SourcesParts;
  readonly #events: SourcesEvents;
  readonly #choice: SourceChoice;
  readonly #cacheWriter: StateCacheWriter;
  readonly #log: SourceLog;
  readonly #peers: FallbackPeers;
  /** Whether an operator assigns peers: a sync access file is mounted, even an invalid one. */
  #assigns = false;
  #inEffect: { settings?: Settings | undefined; assignment?: Assignment | undefined } = {};
  #cancelPoll = () => {};

  constructor(parts: SourcesParts, events: SourcesEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#choice = new SourceChoice(parts.clock);
    this.#cacheWriter = new StateCacheWriter(parts.stateCache, parts.log);
    this.#log = new SourceLog(parts.log);
    this.#peers = new FallbackPeers(parts.lookup, parts.clock, {
      changed: () => this.#peersChanged(),
      lookedUp: (answered) => this.#peersLookedUp(answered),
      timedOut: () => this.#assignmentTimedOut(),
    });
  }

  /** What the agent reports to the operator as held. */
  get held(): Held {
    return this.#choice.held;
  }

  /** Reads all sources except the operator once, then polls them. Returns after the first read. */
  start(): void {
    const { stateCache } = this.#parts;
    this.#pollAccess();
    const assignment = this.#assigns ? stateCache.readAssignment() : undefined;
    this.#choice.restore(stateCache.readSettings(), assignment, stateCache.readFormer());
    this.#apply();
    this.#pollSettings();
    this.#pollLater();
  }

  /** Stops polling. */
  stop(): void {
    this.#cancelPoll();
    this.#peers.stop();
  }

  /**
   * Takes a response of the operator.
   * @param reported what the agent said that it holds
   * @returns whether the response contained anything new
   */
  answered(reported: Held, { settings, settingsDigest, assignment }: SyncAnswer): boolean {
    this.#choice.confirm({
      ...(!settings && reported.settings && { settings: reported.settings }),
      ...(!assignment && reported.assignment && { assignment: reported.assignment }),
    });
    if (settings) this.#offerSettings(settings, 'sync', settingsDigest);
    if (assignment) this.#offerAssignment(assignment);
    return this.#apply();
  }

  #pollLater(): void {
    const { clock } = this.#parts;
    // At whole seconds, when the schedule checks for stalls: in one wake-up of the process.
    this.#cancelPoll = clock.after(filePollMs - (clock.monotonic() % filePollMs), () => {
      this.#pollAccess();
      this.#pollSettings();
      this.#pollLater();
    });
  }

  #pollAccess(): void {
    const reading = this.#parts.syncAccessFile.poll();
    if (!reading) return;
    // A ConfigMap without this file was written by an operator that does not assign peers.
    this.#assigns = 'document' in reading || reading.error.code !== 'FileMissing';
    if ('document' in reading) this.#events.access(reading.document);
    else if (!this.#assigns) {
      this.#choice.dropAssignment();
      this.#events.access(undefined);
    } else this.#log.accessNotLoaded(reading.error);
    this.#apply();
  }

  #pollSettings(): void {
    const reading = this.#parts.settingsFile.poll();
    if (!reading) return;
    this.#events.settingsRead('document' in reading);
    if ('document' in reading) {
      this.#offerSettings(reading.document, 'file');
      this.#apply();
      return;
    }
    this.#log.settingsNotLoaded(reading.error, this.#choice.settings?.value.resource.generation);
  }

  #offerSettings(settings: Settings, source: LiveSource, digest?: string): void {
    if (this.#choice.offerSettings(settings, source, digest) === 'older') this.#log.settingsIgnored(settings, source);
  }

  #offerAssignment(assignment: Assignment): void {
    if (this.#choice.offerAssignment(assignment) === 'older') this.#log.assignmentIgnored(assignment);
  }

  /** Applies the current documents. @returns whether anything changed */
  #apply(): boolean {
    const { settings, assignment } = this.#choice;
    const before = this.#inEffect;
    this.#inEffect = { settings: settings?.value, assignment: assignment?.value };
    this.#followPeers();
    const [newSettings, newAssignment] = [before.settings !== settings?.value, before.assignment !== assignment?.value];
    if (!newSettings && !newAssignment) return false;
    if (newSettings && settings) {
      this.#events.settingsInEffect(settings.value.resource.generation, settings.source);
      if (settings.source !== 'copy') this.#cacheWriter.settings(settings.value, this.#choice.former);
    }
    if (newAssignment && assignment && assignment.source !== 'copy') this.#cacheWriter.assignment(assignment.value);
    const targets = this.#changed();
    if (newSettings && settings) this.#log.settingsInEffect(settings.value, settings.source, targets);
    if (newAssignment && assignment) this.#log.assignmentInEffect(assignment.value, assignment.source, targets);
    return true;
  }

  /** @returns the number of targets */
  #changed(): number {
    const { settings, assignment } = this.#inEffect;
    if (!settings) return 0;
    return this.#events.changed({ settings, peers: assignment ?? { addresses: this.#peers.addresses } });
  }

  #followPeers(): void {
    const { settings, assignment } = this.#inEffect;
    const { stateCache, clusterDomain } = this.#parts;
    const service = settings?.network.enabled && settings.network.peersPerAgent > 0 ? settings.network.peerService : '';
    const cached = () => {
      const known = stateCache.readPeers();
      return known?.service === service ? known.addresses : [];
    };
    this.#peers.update(
      service === '' ? undefined : { name: `${service}.${clusterDomain}.`, cached },
      assignment ? 'assigned' : this.#assigns ? 'expected' : 'never',
    );
    this.#reportPeers();
  }

  #reportPeers(): void {
    const { assignment } = this.#choice;
    const fallback = this.#peers.isActive ? 'service' : undefined;
    this.#events.peersInEffect(assignment?.value.revision ?? 0, assignment?.source ?? fallback);
    this.#events.zoneInEffect(assignment?.value.zone ?? '');
  }

  #assignmentTimedOut(): void {
    this.#reportPeers();
    this.#log.assignmentTimedOut(this.#changed());
  }

  #peersChanged(): void {
    const service = this.#inEffect.settings?.network.peerService;
    if (service === undefined) return;
    const targets = this.#changed();
    const addresses = [...this.#peers.addresses];
    this.#cacheWriter.peers({ service, addresses });
    this.#log.peersChanged(addresses.length, targets);
  }

  #peersLookedUp(answered: boolean): void {
    this.#events.peersLookedUp(answered);
    this.#log.peersLookedUp(answered, this.#inEffect.settings?.network.peerService);
  }
}
