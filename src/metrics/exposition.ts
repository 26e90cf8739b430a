import type { Registry } from 'prom-client';

type Labels = Readonly<Record<string, string | number>>;

/** What prom-client keeps of a metric. Its types leave it out. */
interface KeptMetric {
  name: string;
  help: string;
  type: string;
  collect?: () => unknown;
  /** By the metric's labels and their values; undefined if its values are kept elsewhere. */
  hashMap?: Readonly<Record<string, KeptSeries>>;
  /** Of a histogram only, ascending. */
  upperBounds?: readonly number[];
}

interface KeptSeries {
  labels: Labels;
  /** Of a counter or gauge. */
  value: number;
  /** Of a histogram: not cumulative, by upper bound, those beyond the last one missing. */
  bucketValues: Readonly<Record<number, number>>;
  sum: number;
  count: number;
}

/** What each rendering of a metric repeats. */
interface KeptText {
  head: string;
  /** `name_bucket{le="…"`, by bucket. */
  buckets: string[];
}

const texts = new WeakMap<KeptMetric, KeptText>();
/** By the object with the labels, which prom-client keeps as long as the series and does not change. */
const labelTexts = new WeakMap<Labels, string>();

/**
 * Renders a registry in Prometheus' text format, exactly as `registry.metrics()` does. That makes several objects and
 * strings for each bucket, which without a just-in-time compiler takes most of the CPU time of a scrape; here what does
 * not change is kept.
 * @throws what a metric's `collect` throws
 */
export async function renderRegistry(registry: Registry): Promise<string> {
  const metrics = registry.getMetricsAsArray() as unknown as KeptMetric[];
  for (const metric of metrics) {
    const collected = metric.collect?.();
    if (collected instanceof Promise) await collected;
  }
  let text = '';
  for (const metric of metrics) {
    const { hashMap } = metric;
    const own = hashMap ? metricText(metric, hashMap) : `${await registry.getSingleMetricAsString(metric.name)}\n`;
    text += `${text === '' ? '' : '\n'}${own}`;
  }
  return text === '' ? '\n' : text;
}

function metricText(metric: KeptMetric, hashMap: NonNullable<KeptMetric['hashMap']>): string {
  const kept = keptText(metric);
  const { name, upperBounds } = metric;
  let text = kept.head;
  for (const hash in hashMap) {
    const series = hashMap[hash]!;
    const labels = labelText(series.labels);
    if (upperBounds) text += histogramText(name, upperBounds, kept.buckets, labels, series);
    else text += `${name}${labels === '' ? '' : `{${labels}}`} ${numberText(series.value)}\n`;
  }
  return text;
}

function histogramText(
  name: string,
  bounds: readonly number[],
  buckets: readonly string[],
  labels: string,
  { bucketValues, sum, count }: KeptSeries,
): string {
  const end = labels === '' ? '} ' : `,${labels}} `;
  const own = labels === '' ? ' ' : `{${labels}} `;
  let text = '';
  let total = 0;
  for (let i = 0; i < bounds.length; i++) {
    total += bucketValues[bounds[i]!]!;
    text += `${buckets[i]}${end}${total}\n`;
  }
  return `${text}${buckets[bounds.length]}${end}${count}\n${name}_sum${own}${numberText(sum)}\n${name}_count${own}${count}\n`;
}

function keptText(metric: KeptMetric): KeptText {
  const kept = texts.get(metric);
  if (kept) return kept;
  const { name, help, type, upperBounds = [] } = metric;
  const text: KeptText = {
    head: `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`,
    buckets: [...upperBounds.map(String), '+Inf'].map((bound) => `${name}_bucket{le="${bound}"`),
  };
  texts.set(metric, text);
  return text;
}

function labelText(labels: Labels): string {
  const kept = labelTexts.get(labels);
  if (kept !== undefined) return kept;
  const text = Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(String(value)).replaceAll('"', '\\"')}"`)
    .join(',');
  labelTexts.set(labels, text);
  return text;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'Nan' : value > 0 ? '+Inf' : '-Inf';
}
