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

/** How often the mounted files are looked at, in milliseconds. */
const filePollMs = 1000;

/** What an agent probes by. */
export interface ProbeInputs {
  settings: Settings;
  peers: AvailablePeers;
}

/** What the sources are made of. */
export interface SourcesParts {
  settingsFile: MountedFile<Settings>;
  syncAccessFile: MountedFile<SyncAccess>;
  stateCache: StateCache;
  lookup: AddressLookup;
  /** The cluster's own domain, without dots at its ends. */
  clusterDomain: string;
  clock: Clock;
  log: Log;
}

/** What happens at the sources. */
export interface SourcesEvents {
  /** What is known is something else now. @returns how many targets there are for it */
  changed(inputs: ProbeInputs): number;
  /** How the operator is reached from now on; undefined: not at all. */
  access(access: SyncAccess | undefined): void;
  settingsInEffect(generation: number, source: Source): void;
  /** The settings file changed, and was good or was not. */
  settingsRead(good: boolean): void;
  /** Peers come from an assignment of this revision, which is 0 without one; or from the agents' Service; or are still waited for. */
  peersInEffect(revision: number, source: Source | 'service' | undefined): void;
  /** The agents' Service was looked up. */
  peersLookedUp(answered: boolean): void;
}

/**
 * What to probe, from all that may tell: the operator's answers; the mounted settings; the agent's own copy of both, at a start; and, where no
 * assignment comes or nobody makes one, the addresses that the agents' Service lists. It fails static: whatever goes away, what is known stays.
 */
export class Sources {
  readonly #parts: SourcesParts;
  readonly #events: SourcesEvents;
  readonly #choice: SourceChoice;
  readonly #copy: StateCacheWriter;
  readonly #log: SourceLog;
  readonly #peers: FallbackPeers;
  /** Whether there is an operator that assigns: an access to it was mounted, be it one that cannot be used. */
  #assigns = false;
  #inEffect: { settings?: Settings | undefined; assignment?: Assignment | undefined } = {};
  #cancelPoll = () => {};

  constructor(parts: SourcesParts, events: SourcesEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#choice = new SourceChoice(parts.clock);
    this.#copy = new StateCacheWriter(parts.stateCache, parts.log);
    this.#log = new SourceLog(parts.log);
    this.#peers = new FallbackPeers(parts.lookup, parts.clock, {
      changed: () => this.#peersChanged(),
      lookedUp: (answered) => this.#peersLookedUp(answered),
      gaveUp: () => this.#assignmentTimedOut(),
    });
  }

  /** What the operator is told that is held. */
  get held(): Held {
    return this.#choice.held;
  }

  /** Tries all sources but the operator for the first time and goes on looking; returns when they were tried. */
  start(): void {
    const { stateCache } = this.#parts;
    this.#pollAccess();
    const assignment = this.#assigns ? stateCache.readAssignment() : undefined;
    this.#choice.restore(stateCache.readSettings(), assignment, stateCache.readFormer());
    this.#apply();
    this.#pollSettings();
    this.#pollLater();
  }

  /** Ends all looking. */
  stop(): void {
    this.#cancelPoll();
    this.#peers.stop();
  }

  /**
   * Takes an answer of the operator.
   * @param told what it was told that is held
   * @returns whether it brought anything new
   */
  answered(told: Held, { settings, settingsDigest, assignment }: SyncAnswer): boolean {
    this.#choice.confirm({
      ...(!settings && told.settings && { settings: told.settings }),
      ...(!assignment && told.assignment && { assignment: told.assignment }),
    });
    if (settings) this.#offerSettings(settings, 'sync', settingsDigest);
    if (assignment) this.#offerAssignment(assignment);
    return this.#apply();
  }

  #pollLater(): void {
    this.#cancelPoll = this.#parts.clock.after(filePollMs, () => {
      this.#pollAccess();
      this.#pollSettings();
      this.#pollLater();
    });
  }

  #pollAccess(): void {
    const reading = this.#parts.syncAccessFile.poll();
    if (!reading) return;
    // A ConfigMap without an access is of an operator that assigns nothing.
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

  /** Puts in effect what is held. @returns whether it is anything new */
  #apply(): boolean {
    const { settings, assignment } = this.#choice;
    const before = this.#inEffect;
    this.#inEffect = { settings: settings?.value, assignment: assignment?.value };
    this.#followPeers();
    const [newSettings, newAssignment] = [before.settings !== settings?.value, before.assignment !== assignment?.value];
    if (!newSettings && !newAssignment) return false;
    if (newSettings && settings) {
      this.#events.settingsInEffect(settings.value.resource.generation, settings.source);
      if (settings.source !== 'copy') this.#copy.settings(settings.value, this.#choice.former);
    }
    if (newAssignment && assignment && assignment.source !== 'copy') this.#copy.assignment(assignment.value);
    const targets = this.#changed();
    if (newSettings && settings) this.#log.settingsInEffect(settings.value, settings.source, targets);
    if (newAssignment && assignment) this.#log.assignmentInEffect(assignment.value, assignment.source, targets);
    return true;
  }

  /** @returns how many targets there are now */
  #changed(): number {
    const { settings, assignment } = this.#inEffect;
    if (!settings) return 0;
    return this.#events.changed({ settings, peers: assignment ?? { addresses: this.#peers.addresses } });
  }

  #followPeers(): void {
    const { settings, assignment } = this.#inEffect;
    const { stateCache, clusterDomain } = this.#parts;
    const service = settings?.network.enabled && settings.network.peersPerAgent > 0 ? settings.network.peerService : '';
    const remembered = () => {
      const known = stateCache.readPeers();
      return known?.service === service ? known.addresses : [];
    };
    this.#peers.update(
      service === '' ? undefined : { name: `${service}.${clusterDomain}.`, remembered },
      assignment ? 'assigned' : this.#assigns ? 'expected' : 'never',
    );
    this.#tellPeers();
  }

  #tellPeers(): void {
    const { assignment } = this.#choice;
    const otherwise = this.#peers.standsIn ? 'service' : undefined;
    this.#events.peersInEffect(assignment?.value.revision ?? 0, assignment?.source ?? otherwise);
  }

  #assignmentTimedOut(): void {
    this.#tellPeers();
    this.#log.assignmentTimedOut(this.#changed());
  }

  #peersChanged(): void {
    const service = this.#inEffect.settings?.network.peerService;
    if (service === undefined) return;
    const targets = this.#changed();
    const addresses = [...this.#peers.addresses];
    this.#copy.peers({ service, addresses });
    this.#log.peersChanged(addresses.length, targets);
  }

  #peersLookedUp(answered: boolean): void {
    this.#events.peersLookedUp(answered);
    this.#log.peersLookedUp(answered, this.#inEffect.settings?.network.peerService);
  }
}
