import type { AlertName } from '../../src/contract/alerts.ts';
import { type AlertTime, suspectKeyOf } from './alert-history.ts';
import type { FaultAlerts } from './fault-alerts.ts';

/** A fault that was injected, and its alerts. Times are seconds since the epoch. */
export interface AlertingFault extends FaultAlerts {
  name: string;
  /** Of the suspect that it is to make, if it makes one. */
  key?: string;
  from: number;
  until: number;
}

/** What became of an alert that a fault had to make. */
export interface AlertOutcome {
  fault: string;
  alert: AlertName;
  /** Seconds from the beginning of the fault until it fired; undefined if it never did. */
  fired: number | undefined;
  /** Seconds from the end of the fault until it fired no more. */
  resolved: number | undefined;
}

/** An alert may begin to fire for so long after the fault has ended, in seconds. */
const lateSeconds = 90;
/** Those from rates of five minutes, which have to be so for two minutes. */
const lateOfRates = 5 * 60 + 2 * 60;
/** Those from rates of half an hour, which have to be so for a quarter of one. */
const lateOfBudget = (30 + 15) * 60;

const late: Partial<Record<AlertName, number>> = {
  NetExporterDNSFailing: lateOfRates,
  NetExporterDNSErrorBudget: lateOfBudget,
};

/** Compares the alerts that fired with the faults that there were. */
export function alertOutcomes(
  times: readonly AlertTime[],
  faults: readonly AlertingFault[],
): { outcomes: AlertOutcome[]; unexpected: AlertTime[] } {
  const firing = times.filter(({ state }) => state === 'firing');
  const explains = ({ from, until, must, may, key }: AlertingFault, time: AlertTime) => {
    const isInTime = time.from >= from && time.from <= until + (late[time.alert] ?? lateSeconds);
    const suspect = suspectKeyOf(time);
    return isInTime && [...must, ...may].includes(time.alert) && (suspect === undefined || suspect === key);
  };
  const outcomes = faults.flatMap((fault) =>
    fault.must.map((alert): AlertOutcome => {
      const own = firing.filter((time) => time.alert === alert && explains(fault, time));
      const [first, last] = [own[0], own.toSorted((a, b) => a.until - b.until).at(-1)];
      return {
        ...{ fault: fault.name, alert },
        fired: first && first.from - fault.from,
        resolved: last && last.until - fault.until,
      };
    }),
  );
  return { outcomes, unexpected: firing.filter((time) => !faults.some((fault) => explains(fault, time))) };
}
