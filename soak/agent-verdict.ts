import { type Figure, figure } from '../bench/figures.ts';
import { quantile, slope } from '../bench/statistics.ts';

/** What an agent was seen to hold at one moment. */
export interface AgentSample {
  /** Seconds since the soak began. */
  at: number;
  workingSet: number;
  anon: number;
  descriptors: number;
  series: number;
  /** Whether its settings were those that it comes back to between changes. */
  resting: boolean;
}

/** All that was seen of one agent. */
export interface AgentHistory {
  agent: string;
  samples: readonly AgentSample[];
  /** By how much each counter of the agent's own faults moved. */
  ownErrors: Readonly<Record<string, number>>;
  restarts: number;
}

/** What came of the edits. */
export interface EditHistory {
  made: number;
  /** From the edit to the last agent that had it in effect, in seconds: those that came there. */
  reachedAfter: readonly number[];
}

/**
 * How much an agent may grow, by the straight line through what it held in the second half of the run: far below what a
 * target, a connection or a turn that is kept by mistake comes to when thousands of them come and go, above what a
 * collector's rhythm adds.
 */
const growthBytes = 1 << 20;
/** Descriptors, in the same way. */
const growthDescriptors = 2;
const mostWorkingSet = 40 * 2 ** 20;
const mostDescriptors = 200;

/** A flat line, no fault of their own, and every edit in effect. */
export function agentFigures(histories: readonly AgentHistory[], edits: EditHistory): Figure[] {
  const samples = histories.flatMap((history) => history.samples);
  const most = (key: 'workingSet' | 'anon' | 'descriptors' | 'series') =>
    Math.max(...samples.map((sample) => sample[key]));
  const worst = (grown: (samples: readonly AgentSample[]) => number) =>
    Math.max(...histories.map((history) => grown(history.samples)));
  const resting = (all: readonly AgentSample[]) => all.filter((sample) => sample.resting);
  const ownErrors = histories.flatMap((history) => Object.values(history.ownErrors));
  return [
    figure('edits', edits.made, ''),
    figure('edits_not_reached', edits.made - edits.reachedAfter.length, '', { atMost: 0 }),
    figure('edit_reached_p50_seconds', quantile(edits.reachedAfter, 0.5), 's'),
    figure('edit_reached_max_seconds', Math.max(...edits.reachedAfter), 's'),
    figure(
      'anon_growth_bytes',
      worst((all) => growth(all, 'anon')),
      'B',
      { atMost: growthBytes },
    ),
    figure(
      'working_set_growth_bytes',
      worst((all) => growth(all, 'workingSet')),
      'B',
      { atMost: growthBytes },
    ),
    figure('working_set_max_bytes', most('workingSet'), 'B', { atMost: mostWorkingSet }),
    figure('anon_max_bytes', most('anon'), 'B'),
    figure(
      'resting_descriptors_growth',
      worst((all) => growth(resting(all), 'descriptors')),
      '',
      {
        atMost: growthDescriptors,
      },
    ),
    figure('descriptors_max', most('descriptors'), '', { atMost: mostDescriptors }),
    figure(
      'resting_series_change',
      worst((all) => spread(resting(all).map(({ series }) => series))),
      '',
      {
        atMost: 0,
      },
    ),
    figure('series_max', most('series'), ''),
    figure(
      'own_errors',
      ownErrors.reduce((sum, value) => sum + value, 0),
      '',
      { atMost: 0 },
    ),
    figure(
      'restarts',
      histories.reduce((sum, { restarts }) => sum + restarts, 0),
      '',
      { atMost: 0 },
    ),
  ];
}

/**
 * What the straight line through the second half of the run rises by from its beginning to its end; NaN where there is
 * too little of it.
 */
export function growth(samples: readonly AgentSample[], key: 'workingSet' | 'anon' | 'descriptors'): number {
  const end = samples.at(-1)?.at ?? 0;
  const second = samples.filter(({ at }) => at >= end / 2);
  if (second.length < 3) return Number.NaN;
  return slope(second.map((sample) => [sample.at, sample[key]])) * (end - second[0]!.at);
}

/** The largest less the smallest; NaN of nothing. */
function spread(values: readonly number[]): number {
  return values.length === 0 ? Number.NaN : Math.max(...values) - Math.min(...values);
}
