import { dashboard } from '../../charts/dashboards/dashboard.ts';
import type { PrometheusServer, Sample } from '../cluster/prometheus.ts';
import {
  type DashboardQuery,
  type DashboardView,
  dashboardQueries,
  emptyUnlessFault,
  substituted,
  variableQueries,
} from './dashboard-queries.ts';

/** More than a browser draws well. */
const mostSeries = 500;
/** Labels that a series of a healthy cluster may lack: of one cluster, and of probes of Services. */
const optionalLabels = ['cluster', 'peer_node'];
/** As in a graph of ten minutes. */
const stepSeconds = 15;

/**
 * Runs every query of the dashboard as Grafana would. Panels about faults may be empty.
 * @param faultPanels those of them that must have data, because there is such a fault
 * @returns what is missing or wrong: one line a query
 * @throws Error where Prometheus refuses a query
 */
export async function dashboardGaps(
  prometheus: Pick<PrometheusServer, 'query' | 'queryRange'>,
  view: DashboardView,
  faultPanels: readonly string[] = [],
): Promise<string[]> {
  const built = dashboard();
  const queries: DashboardQuery[] = [...variableQueries(built), ...dashboardQueries(built)];
  const gaps: string[] = [];
  for (const query of queries) {
    const expression = substituted(query.expression, built, view);
    const series = query.isInstant
      ? await prometheus.query(expression)
      : await prometheus.queryRange(expression, view.rangeSeconds, stepSeconds);
    gaps.push(...gapsOf(query, series, faultPanels).map((gap) => `${query.name}: ${gap}: ${expression}`));
  }
  return gaps;
}

function gapsOf({ panel, labels }: DashboardQuery, series: Sample[], faultPanels: readonly string[]): string[] {
  const mayBeEmpty = emptyUnlessFault.includes(panel) && !faultPanels.includes(panel);
  if (series.length === 0) return mayBeEmpty ? [] : ['no data'];
  if (series.length > mostSeries) return [`${series.length} series`];
  const needed = labels.filter((label) => !optionalLabels.includes(label));
  const missing = needed.filter((label) => series.some((each) => (each.labels[label] ?? '') === ''));
  const isNumber = series.every(({ value }) => !Number.isNaN(value));
  return [...missing.map((label) => `no label ${label}`), ...(isNumber ? [] : ['NaN'])];
}
