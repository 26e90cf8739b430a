import { Counter, Histogram, type Registry } from 'prom-client';
import type { FailureReason } from '../../contract/failure-reason.ts';
import { latencyBuckets } from '../../contract/latency-buckets.ts';
import type { ProbeFamily } from './probe-family.ts';

const tcpReasons: readonly FailureReason[] = ['timeout', 'refused', 'unreachable', 'reset'];
const echoReasons: readonly FailureReason[] = ['lost', 'refused', 'unreachable'];

/** The metrics of the pod network, whichever protocol a target is probed by. */
export function networkFamily(registry: Registry): ProbeFamily {
  const labelNames = ['host', 'protocol', 'peer_node', 'peer_zone'];
  const registers = [registry];
  const retransmits = new Counter({
    name: 'network_retransmits_total',
    help: 'Segments that the kernel sent again while dialling.',
    labelNames,
    registers,
  });
  const losses = new Counter({
    name: 'network_echo_lost_total',
    help: 'UDP echoes that were lost, by direction: forward when the peer did not receive the request, return when it did, unknown when no later answer tells.',
    labelNames: ['host', 'peer_node', 'peer_zone', 'direction'],
    registers,
  });
  return {
    latency: new Histogram({
      name: 'network_latency_seconds',
      help: 'Round-trip time of successful dials and echoes.',
      labelNames,
      buckets: [...latencyBuckets],
      registers,
    }),
    errors: new Counter({
      name: 'network_dial_error_total',
      help: 'Dials and echoes that failed.',
      labelNames,
      registers,
    }),
    retransmits: ({ protocol }) => (protocol === 'TCP' ? retransmits : undefined),
    losses: ({ protocol }) => (protocol === 'UDP' ? losses : undefined),
    failures: new Counter({
      name: 'network_failures_total',
      help: 'Dials and echoes that failed, by reason.',
      labelNames: ['protocol', 'reason'],
      registers,
    }),
    reasons: ({ protocol }) => (protocol === 'UDP' ? echoReasons : tcpReasons),
    shared: ({ protocol = '' }) => ({ protocol }),
    faults: new Counter({
      name: 'network_error_total',
      help: 'Dials and echoes that could not be made by a fault of the agent itself.',
      registers,
    }),
  };
}
