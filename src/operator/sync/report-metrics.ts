import type { Registry } from 'prom-client';
import { labelValues } from '../../contract/metrics/metric.ts';
import { reportMetrics } from '../../contract/metrics/report-metrics.ts';
import { newCounter, newGauge } from '../../metrics/declared.ts';
import type { ReportDrops } from '../reports/report-memory.ts';

/** Creates the metrics of agents' reports. @param bytes memory that reports take @returns counts what is dropped */
export function newReportMetrics(registry: Registry, bytes: () => number): ReportDrops {
  newGauge(reportMetrics.bytes, [registry], function () {
    this.set(bytes());
  });
  const targets = newCounter(reportMetrics.targets, [registry]);
  const sketches = newCounter(reportMetrics.sketches, [registry]);
  for (const reason of labelValues(reportMetrics.targets, 'reason')) targets.inc({ reason }, 0);
  for (const reason of labelValues(reportMetrics.sketches, 'reason')) sketches.inc({ reason }, 0);
  return {
    targets: (reason, count) => targets.inc({ reason }, count),
    sketches: (reason, count) => sketches.inc({ reason }, count),
  };
}
