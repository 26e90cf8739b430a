import type { Registry } from 'prom-client';
import { labelValues } from '../contract/metrics/metric.ts';
import { maxExposedResources, resourceMetrics } from '../contract/metrics/resource-metrics.ts';
import type { NetExporter } from '../crd/net-exporter.ts';
import { collectedMetric } from '../metrics/collected-metric.ts';
import { newGauge } from '../metrics/declared.ts';

const states = labelValues(resourceMetrics.agents, 'state');
const types: readonly string[] = labelValues(resourceMetrics.condition, 'type');
const statuses = labelValues(resourceMetrics.condition, 'status');

/** Exposes what the statuses of these NetExporters say. @param resources those of the leader, none elsewhere */
export function registerResourceMetrics(registry: Registry, resources: () => Iterable<NetExporter>): void {
  const registers = [registry];
  /** Those of this scrape: the first metric that is registered is collected first, and chooses them for all. */
  let exposed: NetExporter[] = [];
  newGauge(resourceMetrics.leftOut, registers, function () {
    const all = [...resources()];
    this.set(Math.max(0, all.length - maxExposedResources));
    exposed = oldestResources(all);
  });
  collectedMetric(resourceMetrics.agents, registers, function* () {
    for (const resource of exposed)
      for (const state of states) {
        const count = resource.status?.agents?.[state];
        if (count !== undefined) yield { labels: { ...labelsOf(resource), state }, value: count };
      }
  });
  collectedMetric(resourceMetrics.condition, registers, function* () {
    for (const resource of exposed)
      for (const { type, status: current } of resource.status?.conditions ?? [])
        if (types.includes(type))
          for (const status of statuses)
            yield { labels: { ...labelsOf(resource), type, status }, value: status === current ? 1 : 0 };
  });
  collectedMetric(resourceMetrics.generation, registers, function* () {
    for (const resource of exposed) yield { labels: labelsOf(resource), value: resource.metadata.generation };
  });
  collectedMetric(resourceMetrics.observedGeneration, registers, function* () {
    for (const resource of exposed)
      yield { labels: labelsOf(resource), value: resource.status?.observedGeneration ?? 0 };
  });
}

function labelsOf({ metadata }: NetExporter): { namespace: string; netexporter: string } {
  return { namespace: metadata.namespace, netexporter: metadata.name };
}

/** Those that are exposed, in any order where that is all of them. */
export function oldestResources(resources: NetExporter[]): NetExporter[] {
  if (resources.length <= maxExposedResources) return resources;
  const aged = resources.map((resource) => {
    const { creationTimestamp, uid } = resource.metadata;
    return { resource, age: `${creationTimestamp} ${uid}` };
  });
  aged.sort((a, b) => (a.age < b.age ? -1 : 1));
  return aged.slice(0, maxExposedResources).map(({ resource }) => resource);
}
