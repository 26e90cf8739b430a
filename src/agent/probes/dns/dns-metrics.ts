import { Counter, Histogram, type Registry } from 'prom-client';
import type { FailureReason } from '../../../contract/failure-reason.ts';
import { latencyBuckets } from '../../../contract/latency-buckets.ts';
import type { ProbeFamily } from '../probe-family.ts';

const reasons: readonly FailureReason[] = [
  ...(['timeout', 'refused', 'unreachable', 'nxdomain', 'servfail', 'rcode', 'nodata', 'truncated'] as const),
  'malformed',
];

/** The metrics of DNS lookups. */
export function dnsFamily(registry: Registry): ProbeFamily {
  const labelNames = ['host', 'server', 'protocol', 'type'];
  const registers = [registry];
  return {
    latency: new Histogram({
      name: 'dns_latency_seconds',
      help: 'Time that successful DNS lookups took.',
      labelNames,
      buckets: [...latencyBuckets],
      registers,
    }),
    errors: new Counter({
      name: 'dns_resolve_error_total',
      help: 'DNS lookups that failed.',
      labelNames,
      registers,
    }),
    retransmits: () => undefined,
    losses: () => undefined,
    failures: new Counter({
      name: 'dns_failures_total',
      help: 'DNS lookups that failed, by reason.',
      labelNames: ['server', 'protocol', 'reason'],
      registers,
    }),
    reasons: () => reasons,
    shared: ({ server = '', protocol = '' }) => ({ server, protocol }),
    faults: new Counter({
      name: 'dns_error_total',
      help: 'DNS lookups that could not be made by a fault of the agent itself.',
      registers,
    }),
  };
}
