import type { Registry } from 'prom-client';
import type { LabelValue } from '../../contract/metrics/metric.ts';
import { networkMetrics } from '../../contract/metrics/probe-metrics.ts';
import { newCounter, newHistogram } from '../../metrics/declared.ts';
import type { ProbeFamily } from './probe-family.ts';

type Reason = LabelValue<typeof networkMetrics.failures, 'reason'>;
const tcpReasons: readonly Reason[] = ['timeout', 'refused', 'unreachable', 'reset'];
const echoReasons: readonly Reason[] = ['lost', 'refused', 'unreachable'];

/** The metrics of the pod network, whichever protocol a target is probed by. */
export function networkFamily(registry: Registry): ProbeFamily {
  const registers = [registry];
  const retransmits = newCounter(networkMetrics.retransmits, registers);
  const losses = newCounter(networkMetrics.losses, registers);
  return {
    latency: newHistogram(networkMetrics.latency, registers),
    errors: newCounter(networkMetrics.errors, registers),
    retransmits: ({ protocol }) => (protocol === 'TCP' ? retransmits : undefined),
    losses: ({ protocol }) => (protocol === 'UDP' ? losses : undefined),
    failures: newCounter(networkMetrics.failures, registers),
    reasons: ({ protocol }) => (protocol === 'UDP' ? echoReasons : tcpReasons),
    shared: ({ protocol = '' }) => ({ protocol }),
    faults: newCounter(networkMetrics.faults, registers),
  };
}
