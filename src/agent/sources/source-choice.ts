import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import type { Assignment } from '../../protocol/assignment.ts';
import type { Settings } from '../../protocol/settings.ts';
import { type Held, type HeldSettings, settingsDigest } from '../../protocol/sync.ts';
import { type Decision, decideAssignment, decideSettings, type Holding, type LiveSource } from './source-decision.ts';

/** How many NetExporters that were given up are remembered. */
const formerCapacity = 16;

/** Settings and an assignment of one NetExporter: of all that the sources bring, what counts. */
export class SourceChoice {
  readonly #clock: Clock;
  #former: readonly string[] = [];
  #settings: Holding<Settings> | undefined;
  /** What names the settings held: with the operator's own digest as soon as it has said it. */
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

  /** The uids of NetExporters that were given up, the last at the end. */
  get former(): readonly string[] {
    return this.#former;
  }

  /** What the operator is told. */
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
   * Begins with the agent's own copy of what it knew before, settings and assignment as far as they belong together.
   * @param former uids that were given up: what is mounted may still be of one of them
   */
  restore(settings: Settings | undefined, assignment: Assignment | undefined, former: readonly string[] = []): void {
    const takenAt = this.#clock.monotonic();
    this.#former = former.slice(-formerCapacity);
    if (settings) this.#hold({ value: settings, source: 'copy', takenAt });
    if (assignment && assignment.uid === (settings?.resource.uid ?? assignment.uid))
      this.#assignment = { value: assignment, source: 'copy', takenAt };
  }

  /**
   * Settings of another NetExporter than the one before put an end to its assignment.
   * @param digest what the operator calls them. An operator of another version knows other fields, so that it may be another one than that of
   *   the settings as they are read here; also where they say nothing new, it is what is held from now on.
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

  /** An assignment of another NetExporter than the one whose settings are held counts as older. */
  offerAssignment(value: Assignment): Decision {
    const at = this.#clock.monotonic();
    if (this.#settings && this.#settings.value.resource.uid !== value.uid) return 'older';
    const decision = decideAssignment(this.#assignment, { value, source: 'sync', at });
    if (decision === 'take') this.#assignment = taken(value, 'sync', at);
    else if (decision === 'same') this.#assignment!.confirmedAt = at;
    return decision;
  }

  /** The operator was told of these and answered nothing newer. What has been taken since then is not meant. */
  confirm({ settings, assignment }: Held): void {
    const confirmedAt = this.#clock.monotonic();
    if (this.#settings && settings && isDeepStrictEqual(settings, this.held.settings))
      this.#settings.confirmedAt = confirmedAt;
    if (this.#assignment && assignment && isDeepStrictEqual(assignment, this.held.assignment))
      this.#assignment.confirmedAt = confirmedAt;
  }

  /** From now on there is no assignment. */
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
