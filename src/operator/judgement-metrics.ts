import type { Registry } from 'prom-client';
import { fleetMetrics, judgementMetrics } from '../contract/metrics/judgement-metrics.ts';
import { labelValues } from '../contract/metrics/metric.ts';
import type { NetExporter } from '../crd/net-exporter.ts';
import { maxSuspects } from '../crd/status.ts';
import { collectedMetric } from '../metrics/collected-metric.ts';
import type { JudgedFleet } from './judge/judged-fleet.ts';
import { keyOf } from './kube/kube-object.ts';
import type { DnsLabel, FleetTotals, NetworkLabel, Total } from './reports/fleet-totals.ts';
import { oldestResources } from './resource-metrics.ts';

const states = labelValues(judgementMetrics.links, 'state');

/** What is known of the NetExporters, by key. */
export interface JudgementSource {
  /** The last judgements. */
  judgements(): Iterable<[string, JudgedFleet]>;
  /** Sums of what the agents have reported. */
  totals(): Iterable<[string, FleetTotals]>;
}

/** Labels of the NetExporter. */
interface OfResource {
  namespace: string;
  netexporter: string;
}

/**
 * Exposes what is judged and reported of NetExporters.
 * @param resources those of the leader, none elsewhere
 */
export function registerJudgementMetrics(
  registry: Registry,
  resources: () => Iterable<NetExporter>,
  source: JudgementSource,
): void {
  const registers = [registry];
  /** Those of this scrape: the first metric that is registered is read first, and chooses them for all. */
  let exposed: [key: string, OfResource][] = [];
  function* valuesOf<T>(values: Iterable<[string, T]>): Generator<[OfResource, T]> {
    const byKey = new Map(values);
    for (const [key, labels] of exposed) {
      const value = byKey.get(key);
      if (value) yield [labels, value];
    }
  }
  collectedMetric(judgementMetrics.judged, registers, function* () {
    exposed = oldestResources([...resources()]).map(({ metadata }) => [
      keyOf({ metadata }),
      { namespace: metadata.namespace, netexporter: metadata.name },
    ]);
    for (const [labels, { judgedAt }] of valuesOf(source.judgements())) yield { labels, value: judgedAt / 1000 };
  });
  collectedMetric(judgementMetrics.suspect, registers, function* () {
    for (const [labels, { verdict }] of valuesOf(source.judgements()))
      for (const { kind, name, reason } of verdict.suspects.slice(0, maxSuspects))
        yield { labels: { ...labels, kind, name, reason }, value: 1 };
  });
  collectedMetric(judgementMetrics.links, registers, function* () {
    for (const [labels, { network }] of valuesOf(source.judgements()))
      for (const state of states) yield { labels: { ...labels, state }, value: network.links[state] };
  });

  function* totalsOf<L extends string>(of: (totals: FleetTotals) => Iterable<Total<L>>) {
    // A total that is removed and added again while they are read would be read twice.
    const all = Array.from(valuesOf(source.totals()), ([labels, totals]) => [labels, [...of(totals)]] as const);
    for (const [ofResource, totals] of all)
      for (const total of totals) yield { total, labels: { ...ofResource, ...total.labels } };
  }
  const network = () => totalsOf<NetworkLabel>((totals) => totals.network());
  const dns = () => totalsOf<DnsLabel>((totals) => totals.dns());
  collectedMetric(fleetMetrics.networkLatency, registers, function* () {
    for (const { total, labels } of network()) yield { labels, buckets: total.buckets, sum: total.sum };
  });
  collectedMetric(fleetMetrics.dnsLatency, registers, function* () {
    for (const { total, labels } of dns()) yield { labels, buckets: total.buckets, sum: total.sum };
  });
  for (const [declaration, field] of [
    [fleetMetrics.networkAttempts, 'attempts'],
    [fleetMetrics.networkFailures, 'failures'],
  ] as const)
    collectedMetric(declaration, registers, function* () {
      for (const { total, labels } of network()) yield { labels, value: total[field] };
    });
  for (const [declaration, field] of [
    [fleetMetrics.dnsAttempts, 'attempts'],
    [fleetMetrics.dnsFailures, 'failures'],
  ] as const)
    collectedMetric(declaration, registers, function* () {
      for (const { total, labels } of dns()) yield { labels, value: total[field] };
    });
}
