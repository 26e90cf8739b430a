import { type Figure, figure } from '../../bench/figures.ts';
import type { AlertName } from '../../src/contract/alerts.ts';
import { type AlertTime, describeAlert } from '../../test/alerts/alert-history.ts';

/** What was done, and what alerts there were. */
export interface QuietSeen {
  /** Names of planned events, each as often as it was done. */
  events: readonly string[];
  /** How many kinds of events there are. */
  kinds: number;
  times: readonly AlertTime[];
  /** How many series the rules have recorded at the end: without any, they were not evaluated. */
  recorded: number;
}

/** What an event may begin that is to be over before an alert fires. */
const mayBePending: readonly AlertName[] = [
  ...(['NetExporterAgentsMissing', 'NetExporterNotJudging', 'NetExporterOperatorDown'] as const),
];

/** What planned events say about the alerts: none fires, and few are pending. */
export function quietVerdict({ events, kinds, times, recorded }: QuietSeen): { figures: Figure[]; failures: string[] } {
  const firing = times.filter(({ state }) => state === 'firing');
  const pending = times.filter(({ state, alert }) => state === 'pending' && !mayBePending.includes(alert));
  return {
    figures: [
      figure('planned_events', events.length, '', { atLeast: 1 }),
      figure('kinds', kinds, ''),
      figure('kinds_run', new Set(events).size, ''),
      figure('recorded_series', recorded, '', { atLeast: 1 }),
      figure('firing_alerts', firing.length, '', { atMost: 0 }),
      figure('pending_alerts', pending.length, '', { atMost: 0 }),
    ],
    failures: [...firing, ...pending].map(
      (time) =>
        `${describeAlert(time)} was ${time.state} at ${clock(time.from)} for ${Math.round(time.until - time.from)} s`,
    ),
  };
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(11, 19);
}
