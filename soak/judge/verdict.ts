import { type Figure, figure } from '../../bench/figures.ts';
import type { SuspectReason } from '../../src/contract/suspects.ts';
import type { FaultOutcome, WrongSuspect } from '../../test/judge/outcomes.ts';

/** One fault as it was injected. */
export interface DoneFault extends FaultOutcome {
  verdictSeconds: number;
  reasons: readonly SuspectReason[];
}

/** All that was seen. */
export interface Seen {
  faults: readonly DoneFault[];
  /** Names of planned events, each as often as it was done. */
  planned: readonly string[];
  /** How many kinds of faults and planned events there are. */
  kinds: number;
  /** With the fault or the event during which it was. */
  wrong: readonly (WrongSuspect & { during: string })[];
  /** Moments at which Ready was not True while a fault lasted or was being cleared. */
  unready: readonly string[];
  /** What Events, metrics and conditions did not say as the status did, each in a sentence. */
  disagreements: readonly string[];
}

const clearedSeconds = 90;

/** What all of it says about the judge: figures of each kind of fault, and of all. */
export function verdict({ faults, planned, kinds, wrong, unready, disagreements }: Seen): {
  figures: Figure[];
  failures: string[];
} {
  const found = faults.filter((fault) => fault.found !== undefined);
  const otherReason = found.filter(({ reasons, suspect }) => !reasons.includes(suspect!.reason));
  const names = [...new Set(faults.map(({ name }) => name))].sort();
  return {
    figures: [
      figure('faults', faults.length, '', { atLeast: 1 }),
      figure('planned_events', planned.length, ''),
      figure('kinds', kinds, ''),
      figure('kinds_run', new Set([...names, ...planned]).size, ''),
      ...names.flatMap((name) => figuresOf(name, faults)),
      figure('recall', found.length / faults.length, '', { atLeast: 1 }),
      figure('precision', found.length / (found.length + wrong.length), '', { atLeast: 1 }),
      figure('wrong_suspects', wrong.length, '', { atMost: 0 }),
      figure('other_reasons', otherReason.length, '', { atMost: 0 }),
      figure('times_not_ready', unready.length, '', { atMost: 0 }),
      figure('disagreements', disagreements.length, '', { atMost: 0 }),
    ],
    failures: [
      ...faults.filter((fault) => fault.found === undefined).map(({ name, key }) => `${name}: ${key} was not found`),
      ...wrong.map(
        ({ what, suspect: { kind, name, evidence }, during }) => `${during}: ${kind} ${name} ${what}: ${evidence}`,
      ),
      ...otherReason.map(
        ({ name, reasons, suspect }) =>
          `${name}: the reason is ${suspect!.reason} instead of ${reasons.join(' or ')}: ${suspect!.evidence}`,
      ),
      ...unready,
      ...disagreements,
    ],
  };
}

function figuresOf(name: string, faults: readonly DoneFault[]): Figure[] {
  const ofKind = faults.filter((fault) => fault.name === name);
  const most = (seconds: (number | undefined)[]) => Math.max(...seconds.map((value) => value ?? Number.NaN));
  return [
    figure(`verdict_seconds_max_${name}`, most(ofKind.map(({ found }) => found)), 's', {
      atMost: ofKind[0]!.verdictSeconds,
    }),
    figure(`cleared_seconds_max_${name}`, most(ofKind.map(({ cleared }) => cleared)), 's', { atMost: clearedSeconds }),
  ];
}
