import type { Registry } from 'prom-client';
import { CollectedMetric, type CollectedSeries } from './collected-metric.ts';

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

const texts = new WeakMap<KeptMetric | CollectedMetric, KeptText>();
/** By the object with the labels, which prom-client keeps as long as the series and does not change. */
const labelTexts = new WeakMap<Labels, string>();

/** What is rendered without a break, in characters: less than a millisecond of CPU. */
const pieceLength = 32_768;

/**
 * Renders a registry in Prometheus' text format, exactly as `registry.metrics()` does. That makes several objects and
 * strings for each bucket, which without a just-in-time compiler takes most of the CPU time of a scrape; here what does
 * not change is kept.
 * @throws what a metric's `collect` throws
 */
export async function renderRegistry(registry: Registry): Promise<string> {
  let text = '';
  for (const piece of renderedPieces(registry)) text += typeof piece === 'string' ? piece : await piece;
  return text;
}

/** As `renderRegistry`, in pieces, some of them empty, between which anything else may run. */
export function* renderedPieces(registry: Registry): Generator<string | Promise<string>> {
  const metrics = registry.getMetricsAsArray() as unknown as (KeptMetric | CollectedMetric)[];
  for (const metric of metrics) {
    const collected = metric instanceof CollectedMetric ? undefined : metric.collect?.();
    yield collected instanceof Promise ? collected.then(() => '') : '';
  }
  if (metrics.length === 0) yield '\n';
  let isFirst = true;
  for (const metric of metrics) {
    if (!isFirst) yield '\n';
    isFirst = false;
    if (metric instanceof CollectedMetric) yield* collectedPieces(metric);
    else if (metric.hashMap) yield* metricPieces(metric, metric.hashMap);
    else yield registry.getSingleMetricAsString(metric.name).then((text) => `${text}\n`);
  }
}

function* metricPieces(metric: KeptMetric, hashMap: NonNullable<KeptMetric['hashMap']>): Generator<string> {
  const kept = keptText(metric);
  const { name, upperBounds } = metric;
  let text = kept.head;
  for (const hash in hashMap) {
    const series = hashMap[hash]!;
    const labels = keptLabelText(series.labels);
    if (upperBounds) {
      const { bucketValues, sum, count } = series;
      const own = upperBounds.map((bound) => bucketValues[bound]!);
      text += histogramText(name, kept.buckets, labels, { own, sum, count });
    } else text += valueText(name, labels, series.value);
    if (text.length < pieceLength) continue;
    yield text;
    text = '';
  }
  yield text;
}

function* collectedPieces(metric: CollectedMetric): Generator<string> {
  const { head, buckets } = keptText(metric);
  let text = head;
  for (const series of metric.read()) {
    text += collectedText(metric.name, buckets, series);
    if (text.length < pieceLength) continue;
    yield text;
    text = '';
  }
  yield text;
}

function collectedText(name: string, buckets: readonly string[], series: CollectedSeries): string {
  const labels = labelText(series.labels);
  if ('value' in series) return valueText(name, labels, series.value);
  let count = 0;
  for (let i = 0; i < buckets.length; i++) count += series.buckets[i]!;
  return histogramText(name, buckets, labels, { own: series.buckets, sum: series.sum, count });
}

function valueText(name: string, labels: string, value: number): string {
  return `${name}${labels === '' ? '' : `{${labels}}`} ${numberText(value)}\n`;
}

/** @param values `own` by bucket, not cumulative; the last bucket has `count` */
function histogramText(
  name: string,
  buckets: readonly string[],
  labels: string,
  { own, sum, count }: { own: ArrayLike<number>; sum: number; count: number },
): string {
  const end = labels === '' ? '} ' : `,${labels}} `;
  const ofSeries = labels === '' ? ' ' : `{${labels}} `;
  const last = buckets.length - 1;
  let text = '';
  let total = 0;
  for (let i = 0; i < last; i++) {
    total += own[i]!;
    text += `${buckets[i]}${end}${total}\n`;
  }
  return `${text}${buckets[last]}${end}${count}\n${name}_sum${ofSeries}${numberText(sum)}\n${name}_count${ofSeries}${count}\n`;
}

function keptText(metric: KeptMetric | CollectedMetric): KeptText {
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

function keptLabelText(labels: Labels): string {
  const kept = labelTexts.get(labels);
  if (kept !== undefined) return kept;
  const text = labelText(labels);
  labelTexts.set(labels, text);
  return text;
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(String(value)).replaceAll('"', '\\"')}"`)
    .join(',');
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'Nan' : value > 0 ? '+Inf' : '-Inf';
}
