import type { Registry } from 'prom-client';
import { labelValues } from '../contract/metrics/metric.ts';
import { maxExposedResources, resourceMetrics } from '../contract/metrics/resource-metrics.ts';
import type { NetExporter } from '../crd/net-exporter.ts';
import { newGauge } from '../metrics/declared.ts';

const states = labelValues(resourceMetrics.agents, 'state');
const types = labelValues(resourceMetrics.condition, 'type');
const statuses = labelValues(resourceMetrics.condition, 'status');

/** Exposes what the statuses of these NetExporters say. @param resources those of the leader, none elsewhere */
export function registerResourceMetrics(registry: Registry, resources: () => Iterable<NetExporter>): void {
  const exposed = () => [...resources()].sort(byAge).slice(0, maxExposedResources);
  const labelsOf = ({ metadata: { namespace, name } }: NetExporter) => ({ namespace, netexporter: name });
  newGauge(resourceMetrics.agents, [registry], function () {
    this.reset();
    for (const resource of exposed())
      for (const state of states) {
        const count = resource.status?.agents?.[state];
        if (count !== undefined) this.set({ ...labelsOf(resource), state }, count);
      }
  });
  newGauge(resourceMetrics.condition, [registry], function () {
    this.reset();
    for (const resource of exposed())
      for (const type of types) {
        const condition = resource.status?.conditions?.find((each) => each.type === type);
        if (!condition) continue;
        for (const status of statuses)
          this.set({ ...labelsOf(resource), type, status }, status === condition.status ? 1 : 0);
      }
  });
  newGauge(resourceMetrics.generation, [registry], function () {
    this.reset();
    for (const resource of exposed()) this.set(labelsOf(resource), resource.metadata.generation);
  });
  newGauge(resourceMetrics.observedGeneration, [registry], function () {
    this.reset();
    for (const resource of exposed()) this.set(labelsOf(resource), resource.status?.observedGeneration ?? 0);
  });
  newGauge(resourceMetrics.leftOut, [registry], function () {
    this.set(Math.max(0, [...resources()].length - maxExposedResources));
  });
}

function byAge(a: NetExporter, b: NetExporter): number {
  const [first, second] = [a, b].map(({ metadata: { creationTimestamp, uid } }) => `${creationTimestamp} ${uid}`);
  return first! < second! ? -1 : 1;
}
