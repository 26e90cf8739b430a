import { recordedMetrics as recorded } from '../../../src/contract/metrics/recorded-metrics.ts';
import { leastProbes } from './probe-series.ts';
import { on, series } from './promql.ts';
import { type AlertRule, alertRule } from './rule.ts';
import type { RuleScope } from './scope.ts';
import { seenByMany } from './seen-by-many.ts';

/** Alerts about the pod network. */
export function networkAlerts(scope: RuleScope): AlertRule[] {
  const { failureRatio, networkLatency } = scope.thresholds;
  const of = (name: string) => series(scope, name);
  const enough = `and ${on('zone', 'peer_zone')} (${of(recorded.probesByZonePair)} * 300 >= ${leastProbes})`;
  return [
    alertRule('NetExporterNetworkFailing', {
      expr: seenByMany({ affected: `${of(recorded.failingLinks)} > 0.5`, all: of(recorded.failingLinks) }),
      for: '2m',
      summary: 'The pod network fails on many nodes.',
      description:
        'On {{ $value | humanizePercentage }} of the agents of the NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }}, more than half of the links fail.',
    }),
    alertRule('NetExporterPacketLoss', {
      expr: `${of(recorded.partialLossByZonePair)} >= ${failureRatio}\n${enough}`,
      for: '10m',
      summary: 'Packets are lost between two zones.',
      description: `{{ $value | humanizePercentage }} of the probes ${zonePair} fail, on links on which others succeed.`,
    }),
    alertRule('NetExporterRetransmits', {
      expr: `${of(recorded.retransmitsByZonePair)} >= ${failureRatio}\n${enough}`,
      for: '10m',
      summary: 'TCP handshakes between two zones need retransmits.',
      description: `There are {{ $value | humanizePercentage }} as many retransmitted SYN packets as TCP handshakes ${zonePair}.`,
    }),
    alertRule('NetExporterZonePairSlow', {
      expr: `${of(recorded.networkP90ByZonePair)} > ${networkLatency}\n${enough}`,
      for: '10m',
      summary: 'The pod network between two zones is slow.',
      description: `One in ten probes ${zonePair} takes longer than {{ $value | humanizeDuration }}.`,
    }),
  ];
}

const zonePair =
  'from zone {{ or $labels.zone "(none)" }} to zone {{ or $labels.peer_zone "(none)" }} of the NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }}';
