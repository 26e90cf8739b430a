import type { Registry } from 'prom-client';
import { apiMetrics } from '../../../contract/metrics/api-metrics.ts';
import { type LabelValue, labelValues } from '../../../contract/metrics/metric.ts';
import { newCounter } from '../../../metrics/declared.ts';

/** Why a request of the API was refused; the meanings are declared with the metric. */
export type ApiRefusal = LabelValue<typeof apiMetrics.refused, 'reason'>;

/** Registers the counter. @returns counts one refusal */
export function apiRefusalCounter(registry: Registry): (reason: ApiRefusal) => void {
  const refused = newCounter(apiMetrics.refused, [registry]);
  for (const reason of labelValues(apiMetrics.refused, 'reason')) refused.inc({ reason }, 0);
  return (reason) => refused.inc({ reason });
}
