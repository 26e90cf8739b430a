import type { SuspectKind, SuspectReason } from '../../src/contract/suspects.ts';
import { keyOfName } from '../../src/operator/judge/subjects.ts';

/** A suspect as the status has it. */
export interface StatusSuspect {
  kind: SuspectKind;
  name: string;
  reason: SuspectReason;
  evidence: string;
  since: string;
}

/** What a NetExporter's status said at one moment. */
export interface Snapshot {
  /** Monotonic milliseconds. */
  at: number;
  /** Milliseconds since the epoch. */
  wall: number;
  suspects: readonly StatusSuspect[];
  /** By type. */
  conditions: Readonly<Record<string, { status: string; reason: string; message: string }>>;
}

/** A fault that was injected. */
export interface FaultTime {
  name: string;
  /** Of the suspect that is to be found. */
  key: string;
  /** Monotonic milliseconds. */
  from: number;
  until: number;
}

/** What became of one fault. */
export interface FaultOutcome extends FaultTime {
  /** Seconds from its beginning until its suspect was in the status; undefined if it never was. */
  found: number | undefined;
  /** Seconds from its end until its suspect was gone; undefined if it never was there, or never went. */
  cleared: number | undefined;
  suspect: StatusSuspect | undefined;
}

/** A suspect that no fault was to make, or that came again or went before its time. */
export interface WrongSuspect {
  at: number;
  key: string;
  what: 'raised' | 'raised again' | 'cleared too early';
  suspect: StatusSuspect;
}

export function keysOf({ suspects }: Pick<Snapshot, 'suspects'>): string[] {
  return suspects.map(({ kind, name }) => keyOfName(kind, name));
}

/** Compares what the status said with the faults that there were. @param snapshots oldest first */
export function outcomesOf(
  snapshots: readonly Snapshot[],
  faults: readonly FaultTime[],
): { outcomes: FaultOutcome[]; wrong: WrongSuspect[] } {
  const outcomes = faults.map(
    (fault): FaultOutcome => ({ ...fault, found: undefined, cleared: undefined, suspect: undefined }),
  );
  const wrong: WrongSuspect[] = [];
  let before = new Map<string, StatusSuspect>();
  for (const { at, suspects } of snapshots) {
    const now = new Map(suspects.map((suspect) => [keyOfName(suspect.kind, suspect.name), suspect]));
    for (const [key, suspect] of now) {
      const latest = outcomes.findLast((outcome) => outcome.key === key && outcome.from <= at);
      // Its words change with the numbers: the first ones of a fault are not the best ones.
      if (latest && at <= latest.until && latest.found !== undefined) latest.suspect = suspect;
      if (before.has(key)) continue;
      if (!latest || at > latest.until)
        wrong.push({ at, key, what: latest?.found ? 'raised again' : 'raised', suspect });
      else if (latest.found !== undefined) wrong.push({ at, key, what: 'raised again', suspect });
      else Object.assign(latest, { found: (at - latest.from) / 1000, suspect });
    }
    for (const [key, suspect] of before) {
      if (now.has(key)) continue;
      const latest = outcomes.findLast((outcome) => outcome.key === key && outcome.from <= at);
      if (latest && at < latest.until) wrong.push({ at, key, what: 'cleared too early', suspect });
      else if (latest?.found !== undefined) latest.cleared ??= (at - latest.until) / 1000;
    }
    before = now;
  }
  return { outcomes, wrong };
}

/** The times, in monotonic milliseconds, at which a condition was not True. */
export function untrueTimes(snapshots: readonly Snapshot[], type: string): number[] {
  return snapshots.filter(({ conditions }) => conditions[type]?.status !== 'True').map(({ at }) => at);
}
