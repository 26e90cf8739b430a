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

type Queried = Pick<PrometheusServer, 'query' | 'queryRange'>;

/** More than a browser draws well. */
const mostSeries = 500;
/** Labels that a series of a healthy cluster may lack: of one cluster, and of probes of Services. */
const optionalLabels = ['cluster', 'peer_node'];
/** As in a graph of ten minutes. */
const stepSeconds = 15;
const built = dashboard();

/**
 * Runs every query of the dashboard as Grafana would. Panels about faults may be empty.
 * @returns what is missing or wrong: one line a query
 * @throws Error where Prometheus refuses a query
 */
export async function dashboardGaps(prometheus: Queried, view: DashboardView): Promise<string[]> {
  const queries: DashboardQuery[] = [...variableQueries(built), ...dashboardQueries(built)];
  const mayBeEmpty = ({ panel }: DashboardQuery) => emptyUnlessFault.includes(panel);
  return gapsOf(queries, prometheus, view, mayBeEmpty);
}

/** The same of some panels about faults, which must have data now. */
export async function faultGaps(
  prometheus: Queried,
  view: DashboardView,
  panels: readonly string[],
): Promise<string[]> {
  const queries = dashboardQueries(built).filter(({ panel }) => panels.includes(panel));
  return gapsOf(queries, prometheus, view, () => false);
}

async function gapsOf(
  queries: readonly DashboardQuery[],
  prometheus: Queried,
  view: DashboardView,
  mayBeEmpty: (query: DashboardQuery) => boolean,
): Promise<string[]> {
  const gaps: string[] = [];
  for (const query of queries) {
    const expression = substituted(query.expression, built, view);
    const series = query.isInstant
      ? await prometheus.query(expression)
      : await prometheus.queryRange(expression, view.rangeSeconds, stepSeconds);
    const problems = series.length === 0 ? ['no data'].filter(() => !mayBeEmpty(query)) : problemsOf(series, query);
    gaps.push(...problems.map((problem) => `${query.name}: ${problem}: ${expression}`));
  }
  return gaps;
}

function problemsOf(series: readonly Sample[], { labels }: DashboardQuery): string[] {
  if (series.length > mostSeries) return [`${series.length} series`];
  const needed = labels.filter((label) => !optionalLabels.includes(label));
  const missing = needed.filter((label) => series.some((each) => (each.labels[label] ?? '') === ''));
  const isNumber = series.every(({ value }) => !Number.isNaN(value));
  return [...missing.map((label) => `no label ${label}`), ...(isNumber ? [] : ['NaN'])];
}
