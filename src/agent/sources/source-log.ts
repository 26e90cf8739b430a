import type { Assignment } from '../../protocol/assignment.ts';
import type { Settings } from '../../protocol/settings.ts';
import type { Log, LogFields } from '../log.ts';
import type { Reading } from './mounted-file.ts';
import type { Source } from './source-decision.ts';

/** Why a file could not be loaded. */
type LoadError = Extract<Reading<unknown>, { error: unknown }>['error'];

/** Logs events of the sources. Repeated events are logged once. */
export class SourceLog {
  readonly #log: Log;
  /** The fields last logged for ignored documents, by message. */
  readonly #lastIgnored = new Map<string, string>();
  #lookupFails = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param targets number of targets that they result in */
  settingsInEffect({ resource: { uid, generation } }: Settings, source: Source, targets: number): void {
    this.#log('info', 'applied settings', { source, uid, generation, targets });
  }

  /** @param targets number of targets that it results in */
  assignmentInEffect({ uid, epoch, revision }: Assignment, source: Source, targets: number): void {
    this.#log('info', 'applied assignment', { source, uid, epoch, revision, targets });
  }

  settingsIgnored({ resource: { uid, generation } }: Settings, source: Source): void {
    this.#logIgnored('ignoring settings of an older generation', { source, uid, generation });
  }

  assignmentIgnored({ uid, epoch, revision }: Assignment): void {
    this.#logIgnored('ignoring an older assignment', { uid, epoch, revision });
  }

  /** @param generation of the settings that stay in effect */
  settingsNotLoaded({ code, message }: LoadError, generation: number | undefined): void {
    this.#log('error', 'cannot load the settings file', { code, reason: message, generation });
  }

  accessNotLoaded({ code, message }: LoadError): void {
    this.#log('error', 'cannot load the sync access file', { code, reason: message });
  }

  assignmentTimedOut(targets: number): void {
    this.#log('warn', 'no assignment received, falling back to peers from DNS', { targets });
  }

  peersChanged(addresses: number, targets: number): void {
    this.#log('info', 'peers changed', { addresses, targets });
  }

  /** @param answered whether the server answered; logged only if this changes */
  peersLookedUp(answered: boolean, service: string | undefined): void {
    if (answered !== this.#lookupFails) return;
    this.#lookupFails = !answered;
    if (answered) this.#log('info', 'peer lookup recovered', { service });
    else this.#log('warn', 'peer lookup failed, keeping the known peers', { service });
  }

  /** Logs a document that is offered repeatedly only once. */
  #logIgnored(msg: string, fields: LogFields): void {
    const key = JSON.stringify(fields);
    if (key !== this.#lastIgnored.get(msg)) this.#log('warn', msg, fields);
    this.#lastIgnored.set(msg, key);
  }
}
