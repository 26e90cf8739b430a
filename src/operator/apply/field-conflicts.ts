import { doubledDelay } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';

/**
 * Number of reverts of the same change after which it is a conflict. People make a mistake once or twice, and the first
 * revert may follow a change of the declaration.
 */
const conflictThreshold = 4;

/** A change that recurs later than this after its revert counts as a new one. */
const forgetMs = 10 * 60_000;

/** Delay of the next revert, which doubles each time that the change recurs. */
const backoff = { baseMs: 10_000, maxMs: 5 * 60_000 };

/**
 * How long an object must match its declaration after a revert before its conflict is over: long enough to see whether
 * the other manager comes back. One that watches the object does so within moments, so that ten seconds are enough. One
 * that writes at intervals has taken as long as its interval at most, so half as much again is waited: a manager that
 * writes every 30 seconds keeps the conflict for 45 seconds after it stopped, and does not make a condition flap.
 */
const resolvedAfter = { minMs: 10_000, responses: 1.5, maxMs: 5 * 60_000 };

interface Row {
  /** Identifies the declaration: a new declaration starts without a conflict. */
  declaration: string;
  /** The fields that were changed every time. */
  fields: string[];
  managers: string[];
  /** Consecutive reverts. */
  reverts: number;
  /** The last revert. Monotonic milliseconds. */
  lastAt: number;
  /** When the fields were first seen changed after that. Monotonic milliseconds. */
  changedAt: number | undefined;
  /** The longest time from a revert until the fields were changed again. Milliseconds. */
  longestResponseMs: number;
}

/** A field manager keeps overwriting fields of an object. */
export interface FieldConflict {
  /** Empty if `managedFields` names no other manager of the fields. */
  managers: string[];
  /** Paths as in drift. */
  fields: string[];
  /** When to check the object again, in milliseconds from now. */
  requeueAfterMs: number;
}

/**
 * Records reverts of changes to objects, and detects conflicts: the same change recurs after each revert. The caller
 * identifies objects by name, so a recreated object keeps its history.
 */
export class FieldConflicts {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #rows = new Map<string, Row>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Records that a change of these fields was reverted. */
  reverted(object: string, declaration: string, fields: string[], managers: string[]): void {
    const now = this.#clock.monotonic();
    for (const [name, { lastAt }] of this.#rows) if (now - lastAt > forgetMs) this.#rows.delete(name);
    const row = this.#rows.get(object);
    const again = row?.declaration === declaration ? fields.filter((field) => row.fields.includes(field)) : [];
    if (row && again.length > 0) {
      const responseMs = (row.changedAt ?? now) - row.lastAt;
      const longestResponseMs = Math.max(row.longestResponseMs, responseMs);
      const reverts = row.reverts + 1;
      const next = { declaration, fields: again, managers, reverts, lastAt: now, changedAt: undefined };
      this.#rows.set(object, { ...next, longestResponseMs });
    } else {
      const first = { declaration, fields, managers, reverts: 1, lastAt: now, changedAt: undefined };
      this.#rows.set(object, { ...first, longestResponseMs: 0 });
    }
  }

  /**
   * Records that these fields are changed.
   * @returns the conflict because of which the change must not be reverted yet; undefined if it may be
   * @param maxDelayMs maximum time between two reverts
   */
  backingOff(
    object: string,
    declaration: string,
    fields: string[],
    maxDelayMs = backoff.maxMs,
  ): FieldConflict | undefined {
    const known = this.#rows.get(object);
    if (known) known.changedAt ??= this.#clock.monotonic();
    const row = this.#conflicting(object, declaration);
    if (!row?.fields.some((field) => fields.includes(field))) return undefined;
    return this.#conflictUntil(row, row.lastAt + Math.min(revertDelayMs(row), maxDelayMs));
  }

  /** The conflict of an object that matches its declaration now; undefined once it has matched for long enough. */
  unresolved(object: string, declaration: string): FieldConflict | undefined {
    const known = this.#rows.get(object);
    if (known) known.changedAt = undefined;
    const row = this.#conflicting(object, declaration);
    if (!row) return undefined;
    const { minMs, responses, maxMs } = resolvedAfter;
    return this.#conflictUntil(row, row.lastAt + clamp(row.longestResponseMs * responses, minMs, maxMs));
  }

  #conflicting(object: string, declaration: string): Row | undefined {
    const row = this.#rows.get(object);
    return row && row.declaration === declaration && row.reverts >= conflictThreshold ? row : undefined;
  }

  #conflictUntil({ managers, fields }: Row, end: number): FieldConflict | undefined {
    const leftMs = end - this.#clock.monotonic();
    return leftMs > 0 ? { managers, fields, requeueAfterMs: leftMs } : undefined;
  }
}

function revertDelayMs({ reverts }: Row): number {
  return doubledDelay(reverts - conflictThreshold + 1, backoff);
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
