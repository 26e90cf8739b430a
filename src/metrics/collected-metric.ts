import type { Registry } from 'prom-client';
import type { DeclaredMetric } from '../contract/metrics/declared-metrics.ts';
import type { LabelName } from '../contract/metrics/metric.ts';

type Labels<L extends string> = Readonly<Record<L, string>>;

/** One set of labels of a metric: a value, or the counts of a histogram. */
export type CollectedSeries<L extends string = string> = CollectedValue<L> | CollectedCounts<L>;

export interface CollectedValue<L extends string> {
  labels: Labels<L>;
  value: number;
}

export interface CollectedCounts<L extends string> {
  labels: Labels<L>;
  /** By bucket, not cumulative: one for each edge, and the last one for what is above. */
  buckets: ArrayLike<number>;
  sum: number;
}

/** What prom-client reads of a metric. */
interface PromValue {
  metricName: string;
  labels: Readonly<Record<string, string | number>>;
  value: number;
}

/**
 * A metric whose series are kept elsewhere. prom-client's own metrics would keep each of thousands of them a second
 * time, and all of them would have to be set before the first one is rendered.
 */
export class CollectedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: DeclaredMetric['type'];
  readonly upperBounds: readonly number[];
  readonly read: () => Iterable<CollectedSeries>;

  constructor(declaration: DeclaredMetric, read: () => Iterable<CollectedSeries>) {
    this.name = declaration.name;
    this.help = declaration.help;
    this.type = declaration.type;
    this.upperBounds = declaration.type === 'histogram' ? declaration.edges : [];
    this.read = read;
  }

  /** For prom-client. */
  async get() {
    const { name, help, type } = this;
    const values = Array.from(this.read(), (series) => this.#valuesOf(series)).flat();
    return { name, help, type, aggregator: 'sum', values };
  }

  #valuesOf(series: CollectedSeries): PromValue[] {
    const { name, upperBounds } = this;
    const { labels } = series;
    if ('value' in series) return [{ metricName: name, labels, value: series.value }];
    let count = 0;
    const buckets = [...upperBounds, '+Inf'].map((le, index) => {
      count += series.buckets[index]!;
      return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
    });
    const sum = { metricName: `${name}_sum`, labels, value: series.sum };
    return [...buckets, sum, { metricName: `${name}_count`, labels, value: count }];
  }
}

type SeriesOf<D extends DeclaredMetric> = D['type'] extends 'histogram'
  ? CollectedCounts<LabelName<D>>
  : CollectedValue<LabelName<D>>;

/**
 * Registers a metric whose series are kept elsewhere.
 * @param read called at each scrape, and read with breaks, in which what it reads may change
 */
export function collectedMetric<D extends DeclaredMetric>(
  declaration: D,
  registers: readonly Registry[],
  read: () => Iterable<SeriesOf<D>>,
): void {
  const metric = new CollectedMetric(declaration, read as () => Iterable<CollectedSeries>);
  // Whatever has a name and `get` can be registered; the types name the classes of prom-client only.
  for (const registry of registers) registry.registerMetric(metric as never);
}
