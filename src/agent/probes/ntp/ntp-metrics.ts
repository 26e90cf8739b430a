import type { Gauge } from 'prom-client';
import { kissCodes } from '../../../contract/kiss-codes.ts';
import { labelValues } from '../../../contract/metrics/metric.ts';
import { ntpMetrics } from '../../../contract/metrics/probe-metrics.ts';
import { newCounter, newGauge, newHistogram } from '../../../metrics/declared.ts';
import type { ProbeFamily } from '../probe-family.ts';

/** The metrics of time servers. They are there only while a time server is a target. */
export function ntpFamily(): ProbeFamily {
  const registers: [] = [];
  const latency = newHistogram(ntpMetrics.latency, registers);
  const errors = newCounter(ntpMetrics.errors, registers);
  const failures = newCounter(ntpMetrics.failures, registers);
  const faults = newCounter(ntpMetrics.faults, registers);
  const offset = newGauge(ntpMetrics.offset, registers);
  const stratum = newGauge(ntpMetrics.stratum, registers);
  const kisses = newCounter(ntpMetrics.kisses, registers);
  return {
    latency,
    errors,
    retransmits: () => undefined,
    losses: () => undefined,
    failures,
    reasons: () => labelValues(ntpMetrics.failures, 'reason'),
    shared: ({ server = '' }) => ({ server }),
    faults,
    extra: {
      add: (labels) => {
        for (const code of kissCodes) kisses.inc({ ...labels, code }, 0);
      },
      remove: (labels) => {
        for (const code of kissCodes) kisses.remove({ ...labels, code });
        for (const gauge of [offset, stratum]) gauge.remove(labels);
      },
      record: (labels, { clock, kiss }) => {
        if (kiss) kisses.inc({ ...labels, code: kiss });
        // What was known before the last turn may not be so any more.
        setOrRemove(offset, labels, clock?.offsetSeconds);
        setOrRemove(stratum, labels, clock?.stratum);
      },
    },
    optional: [latency, errors, failures, faults, offset, stratum, kisses],
  };
}

function setOrRemove(gauge: Gauge, labels: Record<string, string>, value: number | undefined): void {
  if (value === undefined) gauge.remove(labels);
  else gauge.set(labels, value);
}
