import { settingsMetrics } from '../../src/contract/metrics/agent-metrics.ts';
import type { MetricDeclaration } from '../../src/contract/metrics/metric.ts';

/** What tells NetExporters apart, also those of several clusters in one Prometheus. */
export const resourceKey = ['cluster', 'namespace', 'netexporter'];
/** What tells agents apart. */
const agentKey = ['cluster', 'namespace', 'pod'];
/** Labels of an agent's node, which it exposes itself: they need no label of the scrape configuration. */
const agentLabels = ['agent_node', 'agent_zone'];

const chosenCluster = 'cluster=~"$cluster"';
const chosenResources = [chosenCluster, 'namespace=~"$namespace"', 'netexporter=~"$netexporter"'];
const chosenAgents = ['agent_node=~"$node"', 'agent_zone=~"$zone"'];

/** Series about the chosen NetExporters. */
export function seriesOf(metric: string, ...matchers: string[]): string {
  return `${metric}{${[...chosenResources, ...matchers].join(',')}}`;
}

/** Series of the operator that are about no NetExporter. Its pods have a namespace of their own. */
export function operatorSeriesOf(metric: string, ...matchers: string[]): string {
  return `${metric}{${[chosenCluster, ...matchers].join(',')}}`;
}

/** The time over which counters are compared. */
export interface Window {
  change: 'rate' | 'increase';
  duration: string;
}

/** Up to each point of a graph. */
export const eachPoint: Window = { change: 'rate', duration: '$__rate_interval' };
/** All that the dashboard shows: for a table. */
export const wholeRange: Window = { change: 'increase', duration: '$__range' };

export interface Grouping {
  /** Labels of the result; `agent_node` and `agent_zone` only with `chosenAgents`. */
  by: readonly string[];
  matchers?: readonly string[];
  /** Only of agents on the chosen nodes and in the chosen zones. */
  chosenAgents?: boolean;
}

export function sumBy(labels: readonly string[], expression: string): string {
  return aggregate('sum', labels, expression);
}

export function maxBy(labels: readonly string[], expression: string): string {
  return aggregate('max', labels, expression);
}

export function aggregate(operator: string, labels: readonly string[], expression: string): string {
  return labels.length === 0 ? `${operator}(${expression})` : `${operator} by (${labels.join(', ')}) (${expression})`;
}

/** Change of a counter, in total by labels. */
export function changeOf({ change, duration }: Window, counter: string, grouping: Grouping): string {
  const { by, matchers = [] } = grouping;
  const changes = `${change}(${seriesOf(counter, ...matchers)}[${duration}])`;
  if (!grouping.chosenAgents) return sumBy(by, changes);
  const others = by.filter((label) => !agentLabels.includes(label));
  // Few series are joined, not each bucket of each peer.
  return sumBy(by, ofChosenAgents(sumBy([...agentKey, ...others], changes)));
}

/** Series of agents with their node and zone, of the chosen ones only. */
export function ofChosenAgents(expression: string): string {
  // The maximum, so that an agent that is scraped by two jobs is no error.
  const info = maxBy([...agentKey, ...agentLabels], seriesOf(settingsMetrics.info.name, ...chosenAgents));
  return `${expression} * on (${agentKey.join(', ')}) group_left (${agentLabels.join(', ')}) ${info}`;
}

/** The metrics of a probe. Each attempt is counted in the latency or as an error. */
export interface Probe {
  latency: MetricDeclaration;
  errors: MetricDeclaration;
}

export function attempts(window: Window, { latency, errors }: Probe, grouping: Grouping): string {
  return `${changeOf(window, `${latency.name}_count`, grouping)} + ${changeOf(window, errors.name, grouping)}`;
}

/** Failed attempts per attempt. Nothing where there was no attempt. */
export function failureRatio(window: Window, probe: Probe, grouping: Grouping): string {
  return `${changeOf(window, probe.errors.name, grouping)} / (${attempts(window, probe, grouping)} > 0)`;
}

/** A quantile of the latencies. Nothing, instead of NaN, where no attempt succeeded. */
export function latencyQuantile(quantile: number, window: Window, { latency }: Probe, grouping: Grouping): string {
  const buckets = changeOf(window, `${latency.name}_bucket`, { ...grouping, by: [...grouping.by, 'le'] });
  return `histogram_quantile(${quantile}, ${buckets}) >= 0`;
}

/** The highest values. Bounds what a browser has to draw on a large cluster. */
export function highest(count: number, expression: string): string {
  return `topk(${count}, ${expression})`;
}

/** Gives a label that may be missing a text, so that a matrix has a row or column for it. */
export function withText(text: string, label: string, expression: string): string {
  return `label_replace(${expression}, "${label}", "${text}", "${label}", "")`;
}

/** Copies a label to another name. */
export function renamed(from: string, to: string, expression: string): string {
  return `label_replace(${expression}, "${to}", "$1", "${from}", "(.*)")`;
}
