import type { Registry } from 'prom-client';
import { labelValues } from '../../../contract/metrics/metric.ts';
import { dnsMetrics } from '../../../contract/metrics/probe-metrics.ts';
import { newCounter, newHistogram } from '../../../metrics/declared.ts';
import type { ProbeFamily } from '../probe-family.ts';

/** The metrics of DNS lookups. */
export function dnsFamily(registry: Registry): ProbeFamily {
  const registers = [registry];
  return {
    latency: newHistogram(dnsMetrics.latency, registers),
    errors: newCounter(dnsMetrics.errors, registers),
    retransmits: () => undefined,
    losses: () => undefined,
    failures: newCounter(dnsMetrics.failures, registers),
    reasons: () => labelValues(dnsMetrics.failures, 'reason'),
    shared: ({ server = '', protocol = '' }) => ({ server, protocol }),
    faults: newCounter(dnsMetrics.faults, registers),
  };
}
