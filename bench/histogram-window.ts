import type { Labels, Metrics } from '../test/e2e/metrics.ts';
import { quantile } from './statistics.ts';

/** What a histogram counted between two scrapes. */
export interface HistogramWindow {
  count: number;
  sum: number;
  buckets: Bucket[];
}

export interface Bucket {
  /** Upper edge. */
  edge: number;
  /** Observations up to it, those of the smaller buckets among them. */
  count: number;
}

/** The quantiles whose buckets are compared. */
export const comparedQuantiles = [0.5, 0.9, 0.99] as const;

/** What the histogram `name` counted between two scrapes, in all its series with these labels together. */
export function histogramWindow(before: Metrics, after: Metrics, name: string, labels: Labels): HistogramWindow {
  const difference = (suffix: string, more: Labels = {}) =>
    after.sum(`${name}_${suffix}`, { ...labels, ...more }) - before.sum(`${name}_${suffix}`, { ...labels, ...more });
  const edges = new Set(after.find(`${name}_bucket`, labels).map((sample) => sample.labels.le ?? ''));
  const buckets = [...edges].map((le) => ({
    edge: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le),
    count: difference('bucket', { le }),
  }));
  return { count: difference('count'), sum: difference('sum'), buckets: buckets.sort((a, b) => a.edge - b.edge) };
}

/** Several agents' windows of one histogram as one. */
export function addWindows(windows: readonly HistogramWindow[]): HistogramWindow {
  const total = (read: (window: HistogramWindow) => number) => windows.reduce((sum, window) => sum + read(window), 0);
  const edges = new Set(windows.flatMap(({ buckets }) => buckets.map(({ edge }) => edge)));
  return {
    count: total(({ count }) => count),
    sum: total(({ sum }) => sum),
    buckets: [...edges]
      .sort((a, b) => a - b)
      .map((edge) => ({ edge, count: total(({ buckets }) => buckets.find((b) => b.edge === edge)?.count ?? 0) })),
  };
}

/** The number of the bucket that holds the quantile, by what was counted; -1 of nothing. */
export function bucketOfQuantile({ buckets, count }: HistogramWindow, q: number): number {
  return count > 0 ? buckets.findIndex((bucket) => bucket.count >= Math.ceil(q * count)) : -1;
}

/**
 * The quantile as Prometheus's histogram_quantile has it: on a straight line between the edges of its bucket. NaN of
 * nothing; the highest edge but one where it lies above that.
 */
export function interpolatedQuantile({ buckets, count }: HistogramWindow, q: number): number {
  const index = buckets.findIndex((bucket) => count > 0 && bucket.count >= q * count);
  if (index < 0) return Number.NaN;
  const { edge, count: upTo } = buckets[index]!;
  const below = buckets[index - 1] ?? { edge: 0, count: 0 };
  if (edge === Number.POSITIVE_INFINITY) return below.edge;
  return below.edge + ((q * count - below.count) / (upTo - below.count)) * (edge - below.edge);
}

/** One quantile of a capture beside the histogram's. */
export interface QuantileComparison {
  quantile: number;
  /** Seconds. */
  captured: number;
  /** The edge of the bucket that holds the captured value, and of that which the histogram gives; in seconds. */
  capturedBucket: number | undefined;
  histogramBucket: number | undefined;
  /** Whether the two buckets are the same or beside each other. */
  near: boolean;
}

/** Compares where the quantiles of captured values lie with where the histogram has them. */
export function compareQuantiles(window: HistogramWindow, captured: readonly number[]): QuantileComparison[] {
  return comparedQuantiles.map((q) => {
    const value = quantile(captured, q);
    const capturedIndex = window.buckets.findIndex(({ edge }) => value <= edge);
    const histogramIndex = bucketOfQuantile(window, q);
    const known = capturedIndex >= 0 && histogramIndex >= 0;
    return {
      quantile: q,
      captured: value,
      capturedBucket: window.buckets[capturedIndex]?.edge,
      histogramBucket: window.buckets[histogramIndex]?.edge,
      near: known && Math.abs(capturedIndex - histogramIndex) <= 1,
    };
  });
}
