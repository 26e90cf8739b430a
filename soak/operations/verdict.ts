import { type Figure, figure } from '../../bench/figures.ts';
import type { Repeat } from './log-repeats.ts';
import type { Reported } from './reported.ts';
import { type Falsehood, longestFalsehoodMs } from './statement-judge.ts';
import type { Transition } from './transitions.ts';

/** One operation as it was done. */
export interface DoneOperation {
  kind: string;
  /** Seconds until its last step was done and undone, and from then on until everything was at rest. */
  seconds: number;
  restedAfter: number;
}

/** All that was seen. */
export interface Seen {
  operations: readonly DoneOperation[];
  /** How many kinds of operations there are. */
  kinds: number;
  judged: { compared: number; statements: number; longestSeconds: number; falsehoods: readonly Falsehood[] };
  transitions: readonly (Transition & { reported: Reported })[];
  /** Warning Events during what was planned, each in a sentence. */
  warnings: readonly string[];
  logLines: number;
  repeats: readonly Repeat[];
  /** How often `kubectl describe` was read. */
  described: number;
}

/** What all of it says about the operator. */
export function verdict(seen: Seen): { figures: Figure[]; failures: string[] } {
  const { operations, kinds, judged, transitions, warnings, logLines, repeats, described } = seen;
  const unreported = transitions.filter(({ reported }) => reported === 'no');
  const rested = operations.map(({ restedAfter }) => restedAfter);
  return {
    figures: [
      figure('operations', operations.length, '', { atLeast: 1 }),
      figure('kinds', kinds, ''),
      figure('kinds_run', new Set(operations.map(({ kind }) => kind)).size, ''),
      figure('rested_max_seconds', Math.max(0, ...rested), 's'),
      figure('statements', judged.statements, '', { atLeast: 1 }),
      figure('statements_compared', judged.compared, '', { atLeast: 1 }),
      figure('false_statements', judged.falsehoods.length, '', { atMost: 0 }),
      figure('longest_falsehood_seconds', judged.longestSeconds, 's', { atMost: longestFalsehoodMs / 1000 }),
      figure('bad_transitions', transitions.length, ''),
      figure('transitions_in_series', transitions.filter(({ reported }) => reported === 'series').length, ''),
      figure('transitions_aggregated', transitions.filter(({ reported }) => reported === 'aggregated').length, ''),
      figure('transitions_without_event', unreported.length, '', { atMost: 0 }),
      figure('warnings_of_planned', warnings.length, '', { atMost: 0 }),
      figure('log_lines', logLines, '', { atLeast: 1 }),
      figure('repeated_log_lines', repeats.length, '', { atMost: 0 }),
      figure('descriptions', described, ''),
    ],
    failures: [
      ...judged.falsehoods.map(
        ({ operation, subject, said, seconds, at, truth }) =>
          `${operation}: ${subject} said "${said}" for ${seconds} s, at ${at}, when so was: ${truth}`,
      ),
      ...unreported.map(
        ({ operation, condition, reason, message, at }) =>
          `${operation}: no Warning Event of ${condition} ${reason} at ${new Date(at).toISOString()}: ${message}`,
      ),
      ...warnings,
      ...repeats.map(({ process, at, seconds, text }) => `${process} repeated at ${at}, after ${seconds} s: ${text}`),
    ],
  };
}
