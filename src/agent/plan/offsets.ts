import { hashFraction } from '../../base/hash.ts';

/**
 * The offsets of shared tasks are multiples of this if the parts of the interval are long enough, in milliseconds. The
 * schedule checks for stalls at the same interval, so these turns cost no wake-up of their own.
 */
export const sharedStepMs = 1000;

/**
 * Into how many parts an interval is divided at least for the offsets of shared tasks. Those of a group need a part
 * each.
 */
const minParts = 2;
const minPartsOfGroup = 4;

/**
 * The longest of these parts before they are rounded, in milliseconds: also with long intervals, only a few probes
 * begin together.
 */
const maxPartMs = 2500;

/** The most tasks with a group that begin at the same time: together they must not take long. */
const maxTogether = 4;

/** When a task is to have its turns. */
export interface Timetable {
  /** Determines the offset: tasks of the same slot and interval have their turns at the same time. */
  slot: string;
  intervalMs: number;
  /**
   * Whether turns may begin together with those of other tasks: about every 2.5 seconds, or at two times of a shorter
   * interval, at four if they have a group. After a rest, the first of several probes costs several times what the
   * others do. By default a turn begins at any step.
   */
  isShared?: boolean;
  /**
   * Shared tasks of the same group and interval do not begin together, and few of different groups do. Without a group
   * any number may begin together.
   */
  group?: string | undefined;
}

/** Where a task has its turns within its interval. */
export interface Offset {
  /** In milliseconds from the epoch. */
  ms: number;
  /** Gives the place back. */
  release(): void;
}

/**
 * Chooses the offsets of tasks by a hash of seed and slot, so that turns are spread over the interval and differ
 * between agents. Shared tasks that have a group take the next step that none of their group has, and that is not full;
 * if there is none, they are not shared.
 */
export class Offsets {
  readonly #seed: string;
  readonly #stepMs: number;
  /** The groups that begin at a time, by interval and offset. */
  readonly #taken = new Map<string, Set<string>>();

  /** @param stepMs that of the clock's timers, in milliseconds; `sharedStepMs` is a multiple of it */
  constructor(seed: string, stepMs: number) {
    this.#seed = seed;
    this.#stepMs = stepMs;
  }

  take({ slot, intervalMs, isShared = false, group }: Timetable): Offset {
    const fraction = hashFraction(`${this.#seed} ${slot}`);
    const alone = { ms: wholeSteps(fraction * intervalMs, this.#stepMs), release: () => {} };
    if (!isShared) return alone;
    const fewest = group === undefined ? minParts : minPartsOfGroup;
    const parts = Math.max(fewest, Math.ceil(intervalMs / maxPartMs));
    const stepMs = intervalMs / parts < sharedStepMs ? this.#stepMs : sharedStepMs;
    const beginOf = (part: number) => Math.round(((part % parts) * intervalMs) / parts / stepMs) * stepMs;
    const first = Math.floor(fraction * parts);
    if (group === undefined) return { ms: beginOf(first), release: () => {} };
    for (let n = 0; n < parts; n++) {
      const ms = beginOf(first + n);
      const release = this.#occupy(`${intervalMs} ${ms}`, group);
      if (release) return { ms, release };
    }
    return alone;
  }

  /** @returns undefined if the place is full, or one of the group has it */
  #occupy(place: string, group: string): (() => void) | undefined {
    const groups = this.#taken.get(place) ?? new Set();
    if (groups.size >= maxTogether || groups.has(group)) return undefined;
    this.#taken.set(place, groups.add(group));
    return () => {
      groups.delete(group);
      if (groups.size === 0) this.#taken.delete(place);
    };
  }
}

/** Rounds down to a multiple of a step. */
export function wholeSteps(ms: number, stepMs: number): number {
  return Math.floor(ms / stepMs) * stepMs;
}
