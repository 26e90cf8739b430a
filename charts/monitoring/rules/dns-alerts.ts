import { type RecordedMetric, recordedMetrics as recorded } from '../../../src/contract/metrics/recorded-metrics.ts';
import { leastLookups, longRatio, lookups, ofClusterNames, quantile } from './probe-series.ts';
import { on, parens, series } from './promql.ts';
import { type AlertRule, alertRule } from './rule.ts';
import type { RuleScope } from './scope.ts';
import { seenByMany } from './seen-by-many.ts';

/** Share of the lookups that may fail, of an objective of 99.9 %. */
const budget = 0.001;
/** Uses up 2 % of a month's budget in an hour. */
const pageAt = Number((14.4 * budget).toFixed(4));
/** Uses up 5 % of a month's budget in six hours. */
const warnAt = Number((6 * budget).toFixed(4));

/** Alerts about DNS. Failures of a single agent are no failure of DNS. */
export function dnsAlerts(scope: RuleScope): AlertRule[] {
  const of = (name: RecordedMetric) => series(scope, name);
  /** What an agent sees that is cut off says nothing about DNS. */
  const unlessCutOff = (links: string) => `unless ${on('pod')} (${links} > 0.5)`;
  const hour = longRatio(of(recorded.clusterFailuresByAgent), of(recorded.clusterLookupsByAgent), 60);
  return [
    alertRule('NetExporterDNSFailing', {
      expr: [
        `${of(recorded.clusterFailureRatio5m)} > ${pageAt}`,
        `and ${on()} (${of(recorded.clusterFailureRatio1h)} > ${pageAt})`,
        `and ${on()} ${seenByMany(
          {
            affected: [
              `${of(recorded.clusterFailuresByAgent)} > ${pageAt} * ${of(recorded.clusterLookupsByAgent)}`,
              `and ${on('pod')} ${parens(`${hour}\n> ${pageAt}`)}`,
              unlessCutOff(of(recorded.failingLinks)),
            ].join('\n'),
            all: `${of(recorded.clusterLookupsByAgent)} > 0`,
          },
          true,
        )}`,
      ].join('\n'),
      for: '1m',
      summary: 'Many DNS lookups fail across the cluster.',
      description:
        '{{ $value | humanizePercentage }} of the DNS lookups of the NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }} failed within 5 minutes, on many nodes. At this rate, a month of the objective of 99.9 % is used up in about two days.',
    }),
    alertRule('NetExporterDNSErrorBudget', {
      expr: [
        `${of(recorded.failureRatio30m)} > ${warnAt}`,
        `and ${on()} (${of(recorded.failureRatio6h)} > ${warnAt})`,
        `and ${on()} ${seenByMany(
          {
            affected: [
              `avg_over_time(${of(recorded.failuresByAgent)}[30m])`,
              `> ${warnAt} * avg_over_time(${of(recorded.lookupsByAgent)}[30m])`,
              unlessCutOff(`max_over_time(${of(recorded.failingLinks)}[30m])`),
            ].join('\n'),
            all: `${of(recorded.lookupsByAgent)} > 0`,
          },
          true,
        )}`,
      ].join('\n'),
      for: '15m',
      summary: 'More DNS lookups fail than the objective allows.',
      description:
        '{{ $value | humanizePercentage }} of the DNS lookups of the NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }} failed within 30 minutes, on many nodes. At this rate, a month of the objective of 99.9 % is used up in about five days.',
    }),
    alertRule('NetExporterDNSSlow', {
      expr: [
        `${parens(ofClusterNames(scope, ['server'], (sum) => quantile(0.99, sum, lookups)))} > ${scope.thresholds.dnsLatency}`,
        `and ${on('server')} (${of(recorded.lookupsByServer)} * 300 >= ${leastLookups})`,
      ].join('\n'),
      for: '10m',
      summary: 'A DNS server is slow.',
      description:
        'One in a hundred DNS lookups of the NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }} at the server {{ $labels.server }} takes longer than {{ $value | humanizeDuration }}.',
    }),
  ];
}
