import type { Assignment } from '../../protocol/assignment.ts';
import type { Settings } from '../../protocol/settings.ts';
import type { Log, LogFields } from '../log.ts';
import type { Reading } from './mounted-file.ts';
import type { Source } from './source-decision.ts';

/** Why a file brought no document. */
type Unusable = Extract<Reading<unknown>, { error: unknown }>['error'];

/** Writes what happens at the sources. What goes on in the same way is written once. */
export class SourceLog {
  readonly #log: Log;
  /** What was last left alone, by message. */
  readonly #leftAlone = new Map<string, string>();
  #lookupFails = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param targets how many there are for them */
  settingsInEffect({ resource: { uid, generation } }: Settings, source: Source, targets: number): void {
    this.#log('info', 'settings are in effect', { source, uid, generation, targets });
  }

  /** @param targets how many there are for it */
  assignmentInEffect({ uid, epoch, revision }: Assignment, source: Source, targets: number): void {
    this.#log('info', 'assignment is in effect', { source, uid, epoch, revision, targets });
  }

  settingsLeftAlone({ resource: { uid, generation } }: Settings, source: Source): void {
    this.#sayLeftAlone('settings of an older generation are left alone', { source, uid, generation });
  }

  assignmentLeftAlone({ uid, epoch, revision }: Assignment): void {
    this.#sayLeftAlone('an older assignment is left alone', { uid, epoch, revision });
  }

  /** @param generation of the settings that stay in effect */
  settingsUnusable({ code, message }: Unusable, generation: number | undefined): void {
    this.#log('error', 'settings file cannot be used', { code, reason: message, generation });
  }

  accessUnusable({ code, message }: Unusable): void {
    this.#log('error', 'access to the operator cannot be used', { code, reason: message });
  }

  assignmentGivenUp(targets: number): void {
    this.#log('warn', 'no assignment has come; peers are looked up', { targets });
  }

  peersChanged(addresses: number, targets: number): void {
    this.#log('info', 'peers changed', { addresses, targets });
  }

  /** @param answered whether the lookup was; that it is as before is not written */
  peersLookedUp(answered: boolean, service: string | undefined): void {
    if (answered !== this.#lookupFails) return;
    this.#lookupFails = !answered;
    if (answered) this.#log('info', 'peers are looked up again', { service });
    else this.#log('warn', 'peers cannot be looked up; those known stay', { service });
  }

  /** Once, however often it is offered. */
  #sayLeftAlone(msg: string, fields: LogFields): void {
    const what = JSON.stringify(fields);
    if (what !== this.#leftAlone.get(msg)) this.#log('warn', msg, fields);
    this.#leftAlone.set(msg, what);
  }
}
