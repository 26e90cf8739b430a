import { clusterNamePattern } from '../../../src/contract/cluster-names.ts';
import { dnsMetrics, networkMetrics } from '../../../src/contract/metrics/probe-metrics.ts';
import { recordedMetrics } from '../../../src/contract/metrics/recorded-metrics.ts';
import { by, on, parens, series, within } from './promql.ts';
import type { RuleScope } from './scope.ts';

/** The metrics of a probe. Its attempts are its successes, which have a latency, and its errors. */
interface ProbeMetrics {
  latency: { name: string };
  errors: { name: string };
}

export const lookups: ProbeMetrics = dnsMetrics;
export const networkProbes: ProbeMetrics = networkMetrics;

/** Probes of peers, without those of Services, and of peers whose node is not known. */
export const ofPeers = 'peer_node!=""';

/** Fewer attempts in five minutes say nothing about a p99. */
export const leastLookups = 50;
/** The same of a share, or a p90. A link has 30 at the default interval. */
export const leastProbes = 20;

/** Sums the rate of a counter up. @param more labels to keep, besides those of the sum */
export type RateSum = (counter: string, window: string, ...more: string[]) => string;

/** Sums of rates by labels of the counters. @param matchers which series count */
export function rateBy(scope: RuleScope, labels: readonly string[], ...matchers: string[]): RateSum {
  return (counter, window, ...more) =>
    `sum ${by(...labels, ...more)} (rate(${series(scope, counter, ...matchers)}[${window}]))`;
}

/** The same, only of links on which some probes succeed: a dead node is no loss of packets. */
export function rateOfAnsweringLinks(scope: RuleScope, labels: readonly string[], ...matchers: string[]): RateSum {
  return (counter, window, ...more) => {
    const successes = series(scope, `${networkProbes.latency.name}_count`, ...matchers);
    return [
      `sum ${by(...labels, ...more)} (`,
      `  rate(${series(scope, counter, ...matchers)}[${window}])`,
      `  and ${on('pod', 'host', 'protocol')} (rate(${successes}[${window}]) > 0)`,
      ')',
    ].join('\n');
  };
}

/**
 * Sums by node or zone of the agents. These are those of the agents' own metric, because Prometheus may add no such
 * labels. Agents that are gone do not count any more.
 * @param sumBy sums by other labels
 */
export function byAgents(
  scope: RuleScope,
  own: 'node' | 'zone',
  labels: readonly string[],
  sumBy: (labels: readonly string[]) => RateSum,
): RateSum {
  const ofEach = sumBy(['pod', ...labels]);
  return (counter, window, ...more) => {
    const joined = [
      ofEach(counter, window, ...more),
      `* ${on('pod')} group_left (${own})`,
      series(scope, recordedMetrics.agents),
    ];
    return `sum ${by(own, ...labels, ...more)} (\n${within(joined.join('\n'))}\n)`;
  };
}

/**
 * An expression about the lookups of names of the cluster; where none is looked up, about those of all names. What
 * becomes of other names is not in the hands of the cluster's DNS.
 */
export function ofClusterNames(
  scope: RuleScope,
  labels: readonly string[],
  expression: (sum: RateSum) => string,
): string {
  const clusterNames = rateBy(scope, labels, `host=~"${clusterNamePattern}"`);
  return [parens(expression(clusterNames)), 'or', parens(expression(rateBy(scope, labels)))].join('\n');
}

/** Attempts a second. */
export function attempts(sum: RateSum, { latency, errors }: ProbeMetrics): string {
  return [sum(`${latency.name}_count`, '5m'), '+', sum(errors.name, '5m')].join('\n');
}

/** A part of the attempts; absent without attempts. @param whole recorded attempts with the same labels */
export function ratio(part: string, whole: string): string {
  return `${part}\n/\n${parens(`${whole} > 0`)}`;
}

/** Failures for each attempt within five minutes; absent without attempts. */
export function failureRatio(sum: RateSum, probe: ProbeMetrics): string {
  return ratio(sum(probe.errors.name, '5m'), parens(attempts(sum, probe)));
}

/**
 * Failures for each attempt within a long time, from recorded rates: those of all agents over hours are expensive.
 * Minutes without data, such as those before the first start of Prometheus, have no failures: a few right after the
 * start are not many.
 */
export function longRatio(failures: string, all: string, minutes: number): string {
  const window = `[${minutes}m:1m]`;
  return ratio(`sum_over_time(${failures}${window}) / ${minutes}`, `avg_over_time(${all}${window})`);
}

/** A latency that a share of the successful probes of five minutes does not exceed; absent without any. */
export function quantile(share: number, sum: RateSum, { latency }: ProbeMetrics): string {
  // Without probes, it is NaN, which is not equal to itself.
  return `histogram_quantile(${share},\n${within(sum(`${latency.name}_bucket`, '5m', 'le'))}\n) >= 0`;
}
