import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import type { Assignment } from '../../protocol/assignment.ts';
import type { Settings } from '../../protocol/settings.ts';
import { type Held, type HeldSettings, settingsDigest } from '../../protocol/sync.ts';
import { type Decision, decideAssignment, decideSettings, type Holding, type LiveSource } from './source-decision.ts';

/** Number of abandoned NetExporters that are remembered. */
const formerCapacity = 16;

/** Selects, from everything the sources deliver, the settings and the assignment of one NetExporter. */
export class SourceChoice {
  readonly #clock: Clock;
  #former: readonly string[] = [];
  #settings: Holding<Settings> | undefined;
  /** Identifies the current settings to the operator, by its own digest once it has sent one. */
  #name: HeldSettings | undefined;
  #assignment: Holding<Assignment> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get settings(): Omit<Holding<Settings>, 'takenAt'> | undefined {
    return this.#settings;
  }

  get assignment(): Omit<Holding<Assignment>, 'takenAt'> | undefined {
    return this.#assignment;
  }

  /** The uids of abandoned NetExporters, oldest first. */
  get former(): readonly string[] {
    return this.#former;
  }

  /** What the agent reports to the operator as held. */
  get held(): Held {
    const assignment = this.#assignment?.value;
    return {
      ...(this.#name && { settings: this.#name }),
      ...(assignment && {
        assignment: { uid: assignment.uid, epoch: assignment.epoch, revision: assignment.revision },
      }),
    };
  }

  /**
   * Starts from the state cache. The assignment is used only if it belongs to the settings.
   * @param former uids of abandoned NetExporters: the mounted file may still be of one of them
   */
  restore(settings: Settings | undefined, assignment: Assignment | undefined, former: readonly string[] = []): void {
    const takenAt = this.#clock.monotonic();
    this.#former = former.slice(-formerCapacity);
    if (settings) this.#hold({ value: settings, source: 'copy', takenAt });
    if (assignment && assignment.uid === (settings?.resource.uid ?? assignment.uid))
      this.#assignment = { value: assignment, source: 'copy', takenAt };
  }

  /**
   * Offers settings. Taking those of another NetExporter drops the assignment.
   * @param digest the digest by which the operator identifies the settings. It can differ from the digest of the
   *   settings as parsed here, because an operator of another version knows other fields. It is stored even if the
   *   settings are unchanged.
   */
  offerSettings(value: Settings, source: LiveSource, digest?: string): Decision {
    const at = this.#clock.monotonic();
    const former = this.#former.includes(value.resource.uid);
    const decision = decideSettings(this.#settings, { value, source, at, former });
    if (decision === 'take') this.#hold(taken(value, source, at), digest);
    else if (decision === 'same' && source === 'sync') {
      this.#settings!.confirmedAt = at;
      this.#name = nameOf(value, digest);
    }
    return decision;
  }

  /** Offers an assignment. One of another NetExporter than the current settings counts as older. */
  offerAssignment(value: Assignment): Decision {
    const at = this.#clock.monotonic();
    if (this.#settings && this.#settings.value.resource.uid !== value.uid) return 'older';
    const decision = decideAssignment(this.#assignment, { value, source: 'sync', at });
    if (decision === 'take') this.#assignment = taken(value, 'sync', at);
    else if (decision === 'same') this.#assignment!.confirmedAt = at;
    return decision;
  }

  /** The operator received these and answered nothing newer. Anything taken since then is not confirmed. */
  confirm({ settings, assignment }: Held): void {
    const confirmedAt = this.#clock.monotonic();
    if (this.#settings && settings && isDeepStrictEqual(settings, this.held.settings))
      this.#settings.confirmedAt = confirmedAt;
    if (this.#assignment && assignment && isDeepStrictEqual(assignment, this.held.assignment))
      this.#assignment.confirmedAt = confirmedAt;
  }

  /** Removes the assignment. */
  dropAssignment(): void {
    this.#assignment = undefined;
  }

  #hold(settings: Holding<Settings>, digest?: string): void {
    const before = this.#settings?.value.resource.uid;
    const { uid } = settings.value.resource;
    if (before !== undefined && before !== uid) this.#former = [...this.#former, before].slice(-formerCapacity);
    this.#former = this.#former.filter((former) => former !== uid);
    this.#settings = settings;
    this.#name = nameOf(settings.value, digest);
    if (this.#assignment?.value.uid !== uid) this.#assignment = undefined;
  }
}

function nameOf(settings: Settings, digest = settingsDigest(settings)): HeldSettings {
  const { uid, generation } = settings.resource;
  return { uid, generation, digest };
}

function taken<T>(value: T, source: LiveSource, at: number): Holding<T> {
  return { value, source, takenAt: at, ...(source === 'sync' && { confirmedAt: at }) };
}
