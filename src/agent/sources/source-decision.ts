import { type Assignment, encodeAssignment } from '../../protocol/assignment.ts';
import { encodeSettings, type Settings } from '../../protocol/settings.ts';
import { holdMs } from '../../protocol/sync.ts';

/** Where newer things come from: the operator's answers, the file that is mounted. */
export type LiveSource = 'sync' | 'file';

/** Where what is held came from; the agent's own copy of what it knew before stands in for the others at a start. */
export type Source = LiveSource | 'copy';

/** What to do with what comes in: take it, or leave it, since it says the same or is older than what is held. */
export type Decision = 'take' | 'same' | 'older';

/** What is held, and what speaks for it. Times are those of the agent's clock, in milliseconds. */
export interface Holding<T> {
  value: T;
  source: Source;
  takenAt: number;
  /** When an answer of the operator's last carried it, or said that it is the newest. */
  confirmedAt?: number;
}

/** An offer as it is judged. */
export interface Offer<T> {
  value: T;
  source: LiveSource;
  at: number;
  /** Whether something of the same NetExporter was held before what is held now, and given up for it. */
  former?: boolean;
}

/**
 * How long the operator has to be silent about what is held, in milliseconds, until it may take it back: two holds. Until then an older word
 * of it may be one that was held up on its way, or a leader's that does not know yet that it leads no longer.
 */
export const takeBackMs = 2 * holdMs;

/**
 * Judges settings. Another uid is another NetExporter, whose generations start again; within a uid the higher generation wins, wherever it comes
 * from. The operator alone may go back: to an older generation, when its store was restored; and so to a NetExporter that was given up. The file
 * brings back such a one at once where it alone has spoken for the other, and else as late as the operator: at a start, it may not have caught up
 * yet with what the own copy has from the operator.
 * Of one generation the operator's words count, which may write the same spec differently after an upgrade; while it is silent, the file's do.
 */
export function decideSettings(
  held: Holding<Settings> | undefined,
  { value, source, at, former }: Offer<Settings>,
): Decision {
  if (!held) return 'take';
  if (held.value.resource.uid !== value.resource.uid) {
    const isOfFileAlone = held.source === 'file' && held.confirmedAt === undefined;
    return !former || (source === 'file' && isOfFileAlone) ? 'take' : mayTakeBack(held, at);
  }
  if (value.resource.generation > held.value.resource.generation) return 'take';
  if (value.resource.generation < held.value.resource.generation)
    return source === 'sync' ? mayTakeBack(held, at) : 'older';
  if (encodeSettings(value) === encodeSettings(held.value)) return 'same';
  return source === 'sync' || !isConfirmed(held, at) ? 'take' : 'older';
}

/**
 * Judges an assignment of the NetExporter that is held, or of any where none is. Within a uid the higher (epoch, revision) wins; the operator
 * may go back as it may with settings.
 */
export function decideAssignment(
  held: Holding<Assignment> | undefined,
  { value, source, at }: Offer<Assignment>,
): Decision {
  if (!held || held.value.uid !== value.uid) return 'take';
  const newer = value.epoch - held.value.epoch || value.revision - held.value.revision;
  if (newer > 0) return 'take';
  if (newer < 0) return source === 'sync' ? mayTakeBack(held, at) : 'older';
  if (encodeAssignment(value) === encodeAssignment(held.value)) return 'same';
  return source === 'sync' ? 'take' : 'older';
}

function mayTakeBack({ takenAt, confirmedAt = takenAt }: Holding<unknown>, at: number): Decision {
  return at - confirmedAt >= takeBackMs ? 'take' : 'older';
}

/** Whether the operator has spoken for it within the last two holds. */
function isConfirmed({ confirmedAt }: Holding<unknown>, at: number): boolean {
  return confirmedAt !== undefined && at - confirmedAt < takeBackMs;
}
