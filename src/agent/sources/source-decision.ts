import { type Assignment, encodeAssignment } from '../../protocol/assignment.ts';
import { encodeSettings, type Settings } from '../../protocol/settings.ts';
import { holdMs } from '../../protocol/sync.ts';

/** Sources of new documents: responses of the operator, and the mounted file. */
export type LiveSource = 'sync' | 'file';

/** Source of the current document. The state cache (`copy`) is read only at start. */
export type Source = LiveSource | 'copy';

/** What to do with an offered document: take it, or ignore it because it is the same or older than the current one. */
export type Decision = 'take' | 'same' | 'older';

/** The current document and its evidence. Times are of the monotonic clock, in milliseconds. */
export interface Holding<T> {
  value: T;
  source: Source;
  takenAt: number;
  /** Time of the last response that contained it or confirmed that it is the newest. */
  confirmedAt?: number;
}

/** An offered document. */
export interface Offer<T> {
  value: T;
  source: LiveSource;
  at: number;
  /** Whether this NetExporter was abandoned for the current one. */
  former?: boolean;
}

/**
 * Minimum time since the last confirmation of the current document before an older one is taken, in milliseconds: two
 * holds. Until then an older document may be a delayed response, or come from a leader that does not know yet that it
 * lost the lease.
 */
export const revertAfterMs = 2 * holdMs;

/**
 * Decides about settings. A different uid is a different NetExporter, whose generations start again; a new one is taken
 * immediately. Within a uid, the higher generation wins, whatever its source. Only the operator may go back to an older
 * generation, which happens after etcd was restored, and only after `revertAfterMs`.
 * Going back to an abandoned NetExporter also takes `revertAfterMs`, except for the mounted file if only the file ever
 * announced the current one. Otherwise the file must wait, because at start it may be older than the settings that the
 * state cache has from the operator.
 * Within a generation, the operator wins, because it may write the same spec differently after an upgrade. If it has
 * not confirmed the current settings within `revertAfterMs`, the file wins.
 */
export function decideSettings(
  held: Holding<Settings> | undefined,
  { value, source, at, former }: Offer<Settings>,
): Decision {
  if (!held) return 'take';
  if (held.value.resource.uid !== value.resource.uid) {
    const isOfFileAlone = held.source === 'file' && held.confirmedAt === undefined;
    return !former || (source === 'file' && isOfFileAlone) ? 'take' : revertDecision(held, at);
  }
  if (value.resource.generation > held.value.resource.generation) return 'take';
  if (value.resource.generation < held.value.resource.generation)
    return source === 'sync' ? revertDecision(held, at) : 'older';
  if (encodeSettings(value) === encodeSettings(held.value)) return 'same';
  return source === 'sync' || !isConfirmed(held, at) ? 'take' : 'older';
}

/**
 * Decides about an assignment for the current NetExporter, or for any if there is none. Within a uid, the higher
 * (epoch, revision) wins; the operator may go back as it may with settings.
 */
export function decideAssignment(
  held: Holding<Assignment> | undefined,
  { value, source, at }: Offer<Assignment>,
): Decision {
  if (!held || held.value.uid !== value.uid) return 'take';
  const newer = value.epoch - held.value.epoch || value.revision - held.value.revision;
  if (newer > 0) return 'take';
  if (newer < 0) return source === 'sync' ? revertDecision(held, at) : 'older';
  if (encodeAssignment(value) === encodeAssignment(held.value)) return 'same';
  return source === 'sync' ? 'take' : 'older';
}

function revertDecision({ takenAt, confirmedAt = takenAt }: Holding<unknown>, at: number): Decision {
  return at - confirmedAt >= revertAfterMs ? 'take' : 'older';
}

/** Whether the operator confirmed it within the last two holds. */
function isConfirmed({ confirmedAt }: Holding<unknown>, at: number): boolean {
  return confirmedAt !== undefined && at - confirmedAt < revertAfterMs;
}
