import type { AlertName } from '../../src/contract/alerts.ts';
import type { SuspectKind } from '../../src/contract/suspects.ts';
import { keyOfName } from '../../src/operator/judge/subjects.ts';
import type { PrometheusServer, SampledSeries } from '../cluster/prometheus.ts';

/** A time in which an alert was in one state. */
export interface AlertTime {
  alert: AlertName;
  state: 'pending' | 'firing';
  /** Those that tell it from others of the same name. */
  labels: Readonly<Record<string, string>>;
  /** Seconds since the epoch. */
  from: number;
  /** Of the last evaluation that found it so. */
  until: number;
}

/** All alerts that there were within so many seconds, in the order in which they began. */
export async function alertTimes(
  prometheus: Pick<PrometheusServer, 'samples'>,
  seconds: number,
  evaluationSeconds: number,
): Promise<AlertTime[]> {
  return timesOf(await prometheus.samples(`ALERTS[${Math.ceil(seconds)}s]`), evaluationSeconds);
}

/** Prometheus writes a sample of `ALERTS` at each evaluation; where two are missing, the alert was over. */
export function timesOf(series: readonly SampledSeries[], evaluationSeconds: number): AlertTime[] {
  return series
    .flatMap(({ labels: { __name__, alertname, alertstate, severity, ...labels }, times }) => {
      const found: AlertTime[] = [];
      for (const at of times) {
        const last = found.at(-1);
        if (last && at - last.until < 2.5 * evaluationSeconds) last.until = at;
        else
          found.push({
            ...{ alert: alertname as AlertName, state: alertstate as AlertTime['state'], labels },
            ...{ from: at, until: at },
          });
      }
      return found;
    })
    .sort((a, b) => a.from - b.from);
}

/** The key of the suspect that an alert is about; undefined if it is about none. */
export function suspectKeyOf({ labels: { kind, name } }: Pick<AlertTime, 'labels'>): string | undefined {
  return kind === undefined || name === undefined ? undefined : keyOfName(kind as SuspectKind, name);
}

/** An alert in a few words, such as `NetExporterSuspectNode (Node node-3)`. */
export function describeAlert({ alert, labels }: Pick<AlertTime, 'alert' | 'labels'>): string {
  const { cluster, namespace, netexporter, ...own } = labels;
  const values = Object.values(own);
  return values.length === 0 ? alert : `${alert} (${values.join(' ')})`;
}
