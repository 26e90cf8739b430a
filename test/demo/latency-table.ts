import type { PrometheusServer } from '../cluster/prometheus.ts';
import { dialsAnything, type ExpectedSeries } from '../e2e/expected-series.ts';

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

const errors = 'errors';

const columns: Column[] = [
  { title: 'DNS p50', probe: 'dns', query: quantile(0.5, 'dns_latency_seconds'), format: formatSeconds },
  { title: 'DNS p99', probe: 'dns', query: quantile(0.99, 'dns_latency_seconds'), format: formatSeconds },
  { title: errors, probe: 'dns', query: total('dns_resolve_error_total'), format: String },
  { title: 'NETWORK p50', probe: 'network', query: quantile(0.5, 'network_latency_seconds'), format: formatSeconds },
  { title: 'NETWORK p99', probe: 'network', query: quantile(0.99, 'network_latency_seconds'), format: formatSeconds },
  { title: errors, probe: 'network', query: total('network_dial_error_total'), format: String },
];

/**
 * DNS and network latencies of each agent over the last minute, as Prometheus has them.
 * @returns lines of a table, and whether there is a value in each cell of what is probed. Where all failures are
 *   allowed, a latency may be missing beside a count of errors.
 */
export async function latencyTable(
  prometheus: Pick<PrometheusServer, 'query'>,
  { namespace, name, agents, spec, allowFailures }: ExpectedSeries,
): Promise<{ lines: string[]; complete: boolean }> {
  const selector = `namespace="${namespace}",netexporter="${name}"`;
  const isProbed = { dns: spec.dns.enabled, network: dialsAnything(spec, agents.length) };
  const values = await Promise.all(
    columns.map(async ({ query }) => {
      const samples = await prometheus.query(query(selector));
      return agents.map((agent) => samples.find(({ labels }) => labels.pod === agent.pod)?.value ?? Number.NaN);
    }),
  );
  const hasFailed = (probe: Column['probe'], row: number) =>
    columns.some((column, index) => column.probe === probe && column.title === errors && values[index]![row]! > 0);
  const isComplete = (row: number) =>
    columns.every(
      ({ probe }, index) =>
        !Number.isNaN(values[index]![row]) || !isProbed[probe] || (allowFailures === 'all' && hasFailed(probe, row)),
    );
  const rows = agents.map((agent, row) => [
    agent.pod,
    agent.node,
    ...columns.map(({ format }, index) => (Number.isNaN(values[index]![row]) ? '-' : format(values[index]![row]!))),
  ]);
  return {
    lines: align([['AGENT', 'NODE', ...columns.map(({ title }) => title)], ...rows]),
    complete: rows.every((_, row) => isComplete(row)),
  };
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
