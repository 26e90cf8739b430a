import { type Figure, figure } from '../../bench/figures.ts';
import type { AlertName } from '../../src/contract/alerts.ts';
import { type AlertTime, describeAlert } from '../../test/alerts/alert-history.ts';
import { type AlertingFault, alertOutcomes } from '../../test/alerts/alert-outcomes.ts';

/** One fault as it was injected. */
export interface DoneFault extends AlertingFault {
  firesWithin: number;
}

/** All that was seen. */
export interface Seen {
  faults: readonly DoneFault[];
  /** How many kinds of faults there are. */
  kinds: number;
  times: readonly AlertTime[];
}

/** A suspect is cleared within 90 s, and an alert fires on for five minutes. */
const resolvedSeconds = 90 + 5 * 60 + 30;

/** What all of it says about the alerts. */
export function verdict({ faults, kinds, times }: Seen): { figures: Figure[]; failures: string[] } {
  const { outcomes, unexpected } = alertOutcomes(times, faults);
  const limits = new Map(faults.map(({ name, firesWithin }) => [name, firesWithin]));
  const names = [...new Set(outcomes.map(({ fault, alert }) => `${fault} ${alert}`))].sort();
  const most = (seconds: (number | undefined)[]) => Math.max(...seconds.map((value) => value ?? Number.NaN));
  return {
    figures: [
      figure('faults', faults.length, '', { atLeast: 1 }),
      figure('kinds', kinds, ''),
      figure('kinds_run', new Set(faults.map(({ name }) => name)).size, ''),
      ...names.flatMap((name) => {
        const [fault, alert] = name.split(' ') as [string, AlertName];
        const own = outcomes.filter((outcome) => outcome.fault === fault && outcome.alert === alert);
        const suffix = `${fault}_${alert.replace('NetExporter', '')}`;
        return [
          figure(`fired_seconds_max_${suffix}`, most(own.map(({ fired }) => fired)), 's', {
            atMost: limits.get(fault)!,
          }),
          figure(`resolved_seconds_max_${suffix}`, most(own.map(({ resolved }) => resolved)), 's', {
            atMost: resolvedSeconds,
          }),
        ];
      }),
      figure('unexpected_alerts', unexpected.length, '', { atMost: 0 }),
    ],
    failures: [
      ...outcomes
        .filter(({ fired }) => fired === undefined)
        .map(({ fault, alert }) => `${fault}: ${alert} did not fire`),
      ...unexpected.map((time) => {
        const during = faults.findLast(({ from }) => from <= time.from)?.name ?? 'the start';
        return `${during}: ${describeAlert(time)} fired for ${Math.round(time.until - time.from)} s`;
      }),
    ],
  };
}
