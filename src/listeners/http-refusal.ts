import type { Registry } from 'prom-client';
import { httpMetrics } from '../contract/metrics/http-metrics.ts';
import { type LabelValue, labelValues } from '../contract/metrics/metric.ts';
import { newCounter } from '../metrics/declared.ts';

/** Why the HTTP server refused or closed something; the meanings are declared with the metric. */
export type HttpRefusal = LabelValue<typeof httpMetrics.refused, 'reason'>;

/** Registers the counter. @returns counts one refusal */
export function httpRefusalCounter(registry: Registry): (reason: HttpRefusal) => void {
  const refused = newCounter(httpMetrics.refused, [registry]);
  for (const reason of labelValues(httpMetrics.refused, 'reason')) refused.inc({ reason }, 0);
  return (reason) => refused.inc({ reason });
}
