import type { Registry } from 'prom-client';
import { fleetMetrics, judgementMetrics } from '../contract/metrics/judgement-metrics.ts';
import { labelValues } from '../contract/metrics/metric.ts';
import type { NetExporter } from '../crd/net-exporter.ts';
import { maxSuspects } from '../crd/status.ts';
import { collectedHistogram, newCounter, newGauge } from '../metrics/declared.ts';
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
  /** Of those that are exposed. */
  function* exposed<T>(values: Iterable<[string, T]>): Generator<[OfResource, T]> {
    const byKey = new Map(values);
    for (const { metadata } of oldestResources([...resources()])) {
      const value = byKey.get(keyOf({ metadata }));
      if (value) yield [{ namespace: metadata.namespace, netexporter: metadata.name }, value];
    }
  }
  // The first one that is registered is collected first, and fills the others.
  const judged = newGauge(judgementMetrics.judged, registers, () => {
    for (const gauge of [judged, suspect, links]) gauge.reset();
    for (const [labels, { judgedAt, verdict, network }] of exposed(source.judgements())) {
      judged.set(labels, judgedAt / 1000);
      for (const { kind, name, reason } of verdict.suspects.slice(0, maxSuspects))
        suspect.set({ ...labels, kind, name, reason }, 1);
      for (const state of states) links.set({ ...labels, state }, network.links[state]);
    }
  });
  const suspect = newGauge(judgementMetrics.suspect, registers);
  const links = newGauge(judgementMetrics.links, registers);

  function* totalsOf<L extends string>(of: (totals: FleetTotals) => Iterable<Total<L>>) {
    for (const [ofResource, totals] of exposed(source.totals()))
      for (const { labels, ...total } of of(totals)) yield { ...total, labels: { ...ofResource, ...labels } };
  }
  const network = () => totalsOf<NetworkLabel>((totals) => totals.network());
  const dns = () => totalsOf<DnsLabel>((totals) => totals.dns());
  collectedHistogram(fleetMetrics.networkLatency, registers, network);
  collectedHistogram(fleetMetrics.dnsLatency, registers, dns);
  const counters = [
    [fleetMetrics.networkAttempts, network, 'attempts'],
    [fleetMetrics.networkFailures, network, 'failures'],
    [fleetMetrics.dnsAttempts, dns, 'attempts'],
    [fleetMetrics.dnsFailures, dns, 'failures'],
  ] as const;
  for (const [declaration, read, field] of counters)
    newCounter(declaration, registers, function () {
      this.reset();
      for (const { labels, [field]: count } of read()) this.inc(labels, count);
    });
}
