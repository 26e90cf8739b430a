import type { PrometheusServer } from '../cluster/prometheus.ts';
import type { Agent, NetExporterObject } from '../e2e/agents.ts';
import { dialsAnything } from '../e2e/expected-series.ts';

interface Column {
  title: string;
  probe: 'dns' | 'network';
  query: (selector: string) => string;
  format: (value: number) => string;
}

const window = '1m';
const quantile = (q: number, metric: string) => (selector: string) =>
  `histogram_quantile(${q}, sum by (pod, le) (rate(${metric}_bucket{${selector}}[${window}])))`;
const total = (metric: string) => (selector: string) => `sum by (pod) (${metric}{${selector}})`;

const columns: Column[] = [
  { title: 'DNS p50', probe: 'dns', query: quantile(0.5, 'dns_latency_seconds'), format: formatSeconds },
  { title: 'DNS p99', probe: 'dns', query: quantile(0.99, 'dns_latency_seconds'), format: formatSeconds },
  { title: 'errors', probe: 'dns', query: total('dns_resolve_error_total'), format: String },
  { title: 'NETWORK p50', probe: 'network', query: quantile(0.5, 'network_latency_seconds'), format: formatSeconds },
  { title: 'NETWORK p99', probe: 'network', query: quantile(0.99, 'network_latency_seconds'), format: formatSeconds },
  { title: 'errors', probe: 'network', query: total('network_dial_error_total'), format: String },
];

/**
 * DNS and network latencies of each agent over the last minute, as Prometheus has them.
 * @returns lines of a table, and whether there is a value in each cell of what is probed
 */
export async function latencyTable(
  prometheus: Pick<PrometheusServer, 'query'>,
  {
    namespace,
    name,
    agents,
    spec,
  }: { namespace: string; name: string; agents: readonly Agent[]; spec: NetExporterObject['spec'] },
): Promise<{ lines: string[]; complete: boolean }> {
  const selector = `namespace="${namespace}",netexporter="${name}"`;
  const rows = agents.map((agent) => [agent.pod, agent.node]);
  let complete = true;
  const isProbed = { dns: spec.dns.enabled, network: dialsAnything(spec, agents.length) };
  for (const { probe, query, format } of columns) {
    const samples = await prometheus.query(query(selector));
    for (const [index, agent] of agents.entries()) {
      const value = samples.find(({ labels }) => labels.pod === agent.pod)?.value;
      const known = value !== undefined && !Number.isNaN(value);
      if (!known && isProbed[probe]) complete = false;
      rows[index]!.push(known ? format(value) : '-');
    }
  }
  return { lines: align([['AGENT', 'NODE', ...columns.map(({ title }) => title)], ...rows]), complete };
}

/** Seconds as people read them: two digits and a unit. */
export function formatSeconds(seconds: number): string {
  const [value, unit] = seconds < 0.001 ? [seconds * 1e6, 'µs'] : seconds < 1 ? [seconds * 1e3, 'ms'] : [seconds, 's'];
  return `${Number(value.toPrecision(2))} ${unit}`;
}

function align(rows: string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  '));
}
