import { recordedMetrics as recorded } from '../../../src/contract/metrics/recorded-metrics.ts';
import { attempts, leastAttempts, lookups, ofClusterNames, quantile, rateBy } from './probe-series.ts';
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
  const of = (name: string) => series(scope, name);
  const cutOff = `(${of(recorded.failingLinks)} > 0.5)`;
  const wasCutOff = `(max_over_time(${of(recorded.failingLinks)}[30m]) > 0.5)`;
  return [
    alertRule('NetExporterDNSFailing', {
      expr: [
        `${of(recorded.dnsClusterErrors5m)} > ${pageAt}`,
        `and ${on()} (${of(recorded.dnsClusterErrors1h)} > ${pageAt})`,
        `and ${on()} ${seenByMany({
          affected: `${of(recorded.dnsClusterErrorsByAgent)} > ${pageAt}\nunless ${on('pod')} ${cutOff}`,
          all: of(recorded.dnsClusterErrorsByAgent),
        })}`,
      ].join('\n'),
      for: '2m',
      summary: 'Many DNS lookups fail across the cluster.',
      description:
        '{{ $value | humanizePercentage }} of the DNS lookups of the NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }} failed within 5 minutes, on many nodes. At this rate, a month of the objective of 99.9 % is used up in about two days.',
    }),
    alertRule('NetExporterDNSErrorBudget', {
      expr: [
        `${of(recorded.dnsErrors30m)} > ${warnAt}`,
        `and ${on()} (${of(recorded.dnsErrors6h)} > ${warnAt})`,
        `and ${on()} ${seenByMany({
          affected: `avg_over_time(${of(recorded.dnsErrorsByAgent)}[30m]) > ${warnAt}\nunless ${on('pod')} ${wasCutOff}`,
          all: of(recorded.dnsErrorsByAgent),
        })}`,
      ].join('\n'),
      for: '15m',
      summary: 'More DNS lookups fail than the objective allows.',
      description:
        '{{ $value | humanizePercentage }} of the DNS lookups of the NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }} failed within 30 minutes, on many nodes. At this rate, a month of the objective of 99.9 % is used up in about five days.',
    }),
    alertRule('NetExporterDNSSlow', {
      expr: [
        `${parens(ofClusterNames(scope, ['server'], (sum) => quantile(0.99, sum, lookups)))} > ${scope.thresholds.dnsLatency}`,
        `and ${on('server')} ${parens(`${attempts(rateBy(scope, ['server']), lookups)} * 300 >= ${leastAttempts}`)}`,
      ].join('\n'),
      for: '10m',
      summary: 'A DNS server is slow.',
      description:
        'One in a hundred DNS lookups of the NetExporter {{ $labels.namespace }}/{{ $labels.netexporter }} at the server {{ $labels.server }} takes longer than {{ $value | humanizeDuration }}.',
    }),
  ];
}
