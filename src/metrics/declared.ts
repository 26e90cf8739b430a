import { Counter, Gauge, Histogram, type Metric, type Registry } from 'prom-client';
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

/** Counts of one set of labels of a histogram. */
export interface HistogramCounts<L extends string> {
  labels: Readonly<Record<L, string>>;
  /** By bucket, not cumulative: one for each edge, and the last one for what is above. */
  buckets: ArrayLike<number>;
  sum: number;
}

/** Creates a histogram from its declaration whose values are counted elsewhere. @param read called at each scrape */
export function collectedHistogram<D extends Declared<'histogram'>>(
  declaration: D,
  registers: readonly Registry[],
  read: () => Iterable<HistogramCounts<LabelName<D>>>,
): void {
  const { name, help, edges } = declaration;
  const bounds = [...edges, '+Inf'];
  const get = async () => {
    const values: MetricValue[] = [];
    for (const { labels, buckets, sum } of read()) {
      let count = 0;
      for (const [index, le] of bounds.entries()) {
        count += buckets[index]!;
        values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: count });
      }
      values.push({ metricName: `${name}_sum`, labels, value: sum });
      values.push({ metricName: `${name}_count`, labels, value: count });
    }
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  };
  // Whatever has a name and `get` can be registered; the types name the classes of prom-client only.
  for (const registry of registers) registry.registerMetric({ name, get } as unknown as Metric);
}

interface MetricValue {
  metricName: string;
  labels: Readonly<Record<string, string | number>>;
  value: number;
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
