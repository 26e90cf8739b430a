import type { Registry } from 'prom-client';
import { labelValues } from '../contract/metrics/metric.ts';
import { maxExposedResources, resourceMetrics } from '../contract/metrics/resource-metrics.ts';
import type { NetExporter } from '../crd/net-exporter.ts';
import { newGauge } from '../metrics/declared.ts';

const states = labelValues(resourceMetrics.agents, 'state');
const types: readonly string[] = labelValues(resourceMetrics.condition, 'type');
const statuses = labelValues(resourceMetrics.condition, 'status');

/** Exposes what the statuses of these NetExporters say. @param resources those of the leader, none elsewhere */
export function registerResourceMetrics(registry: Registry, resources: () => Iterable<NetExporter>): void {
  const registers = [registry];
  // The first one that is registered is collected first, and fills the others.
  newGauge(resourceMetrics.leftOut, registers, function () {
    const all = [...resources()];
    this.set(Math.max(0, all.length - maxExposedResources));
    for (const gauge of [agents, condition, generation, observedGeneration]) gauge.reset();
    for (const resource of oldestResources(all)) expose(resource);
  });
  const agents = newGauge(resourceMetrics.agents, registers);
  const condition = newGauge(resourceMetrics.condition, registers);
  const generation = newGauge(resourceMetrics.generation, registers);
  const observedGeneration = newGauge(resourceMetrics.observedGeneration, registers);

  function expose({ metadata, status = {} }: NetExporter): void {
    const labels = { namespace: metadata.namespace, netexporter: metadata.name };
    generation.set(labels, metadata.generation);
    observedGeneration.set(labels, status.observedGeneration ?? 0);
    for (const state of states) {
      const count = status.agents?.[state];
      if (count !== undefined) agents.set({ ...labels, state }, count);
    }
    for (const { type, status: current } of status.conditions ?? [])
      if (types.includes(type))
        for (const status of statuses) condition.set({ ...labels, type, status }, status === current ? 1 : 0);
  }
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
