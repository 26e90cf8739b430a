import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { DeclaredMetric } from '../contract/metrics/declared-metrics.ts';
import type { LabelName } from '../contract/metrics/metric.ts';

type Declared<Type extends DeclaredMetric['type']> = Extract<DeclaredMetric, { type: Type }>;

/** Creates a counter from its declaration; `collect` runs before each scrape. */
export function newCounter<D extends Declared<'counter'>>(
  declaration: D,
  registers: readonly Registry[],
  collect?: (this: Counter<LabelName<D>>) => void,
): Counter<LabelName<D>> {
  return new Counter({ ...options(declaration, registers), ...(collect && { collect }) });
}

/** Creates a gauge from its declaration; `collect` runs before each scrape. */
export function newGauge<D extends Declared<'gauge'>>(
  declaration: D,
  registers: readonly Registry[],
  collect?: (this: Gauge<LabelName<D>>) => void,
): Gauge<LabelName<D>> {
  return new Gauge({ ...options(declaration, registers), ...(collect && { collect }) });
}

/** Creates a histogram from its declaration. */
export function newHistogram<D extends Declared<'histogram'>>(
  declaration: D,
  registers: readonly Registry[],
): Histogram<LabelName<D>> {
  return new Histogram({ ...options(declaration, registers), buckets: [...declaration.edges] });
}

function options<D extends DeclaredMetric>({ name, help, labels }: D, registers: readonly Registry[]) {
  return { name, help, labelNames: Object.keys(labels) as LabelName<D>[], registers: [...registers] };
}
