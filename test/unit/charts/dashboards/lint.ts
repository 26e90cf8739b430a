import type { Dashboard, GridPos, Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';
import { parser } from '@prometheus-io/lezer-promql';
import { agentMetrics, operatorMetrics } from '../../../../src/contract/metrics/declared-metrics.ts';
import { dashboardQueries, panelsOf, substituted, targetsOf } from '../../../e2e/dashboard-queries.ts';

const datasource = `\${${'datasource'}}`;
const columns = 24;
const longestUid = 40;
/** `VariableRefresh.OnTimeRangeChanged`. */
const onTimeRangeChanged = 2;
/** What Grafana knows besides the variables. */
const builtIn = ['__rate_interval', '__range'];

const agentNames = new Set(agentMetrics().map(({ name }) => name));
/** Metrics of the operator that are about no NetExporter. */
const operatorWide = new Set(
  operatorMetrics()
    .filter(({ name, labels }) => !('netexporter' in labels) && !agentNames.has(name))
    .map(({ name }) => name),
);
/** What tells the operator's series from those of other programs with the same metrics. */
const pins = ['controller=~"netexporter.*"', 'name="net-exporter-operator"'];

/** What is wrong with a dashboard by the rules of grafana/dashboard-linter and our own: one sentence each. */
export function dashboardProblems(dashboard: Dashboard): string[] {
  const panels = panelsOf(dashboard);
  return [
    ...problemsOfWhole(dashboard),
    ...variableProblems(dashboard),
    ...repeated((dashboard.panels ?? []).map(({ id }) => `panel id ${id}`)),
    ...repeated(panels.map(({ title }) => `panel title ${title}`)),
    ...panels.flatMap((panel) => panelProblems(panel).map((problem) => `${panel.title}: ${problem}`)),
    ...overlaps((dashboard.panels ?? []).map(({ gridPos }) => gridPos!)),
    ...queryProblems(dashboard),
  ];
}

function problemsOfWhole({ uid = '', editable, title, description }: Dashboard): string[] {
  return [
    ...(uid === '' || uid.length > longestUid ? [`uid ${uid} has ${uid.length} characters`] : []),
    ...(editable === false ? [] : ['the dashboard is editable']),
    ...(title && description ? [] : ['the dashboard has no title or no description']),
  ];
}

function variableProblems({ templating: { list = [] } }: Dashboard): string[] {
  const sources = list.filter(({ type }) => type === 'datasource');
  const queries = list.filter(({ type }) => type === 'query');
  return [
    ...(sources.length === 1 && sources[0]!.name === 'datasource' && sources[0]!.query === 'prometheus'
      ? []
      : ['there is not one variable `datasource` for Prometheus']),
    ...repeated(list.map(({ name }) => `variable ${name}`)),
    ...queries.flatMap((variable) => [
      ...(variable.refresh === onTimeRangeChanged ? [] : [`${variable.name} does not follow the time range`]),
      ...(variable.datasource?.uid === datasource ? [] : [`${variable.name} has another data source`]),
      ...(variable.includeAll && variable.allValue ? [] : [`${variable.name} has no value for all`]),
    ]),
  ];
}

function panelProblems(panel: Panel): string[] {
  const { options, fieldConfig } = panel;
  const targets = targetsOf(panel);
  const calcs: string[] | undefined = panel.type === 'stat' ? options.reduceOptions?.calcs : options.legend?.calcs;
  return [
    ...(panel.title && panel.description ? [] : ['no title or no description']),
    ...(fieldConfig?.defaults.unit ? [] : ['no unit']),
    ...(panel.datasource?.uid === datasource ? [] : ['another data source']),
    ...(panel.type === 'table' || (calcs?.length ?? 0) > 0 ? [] : ['no calcs']),
    ...(targets.length > 0 ? [] : ['no query']),
    ...repeated(targets.map(({ refId }) => `refId ${refId}`)),
    ...targets.flatMap((target) => targetProblems(target, panel)),
  ];
}

function targetProblems(target: Dataquery, { type }: Panel): string[] {
  const { refId, instant, range, legendFormat, format } = target;
  return [
    ...(target.datasource?.uid === datasource ? [] : [`${refId} has another data source`]),
    ...(/^[A-Z]$/.test(refId ?? '') ? [] : [`the refId is ${refId}`]),
    ...(Boolean(instant) === Boolean(range) ? [`${refId} is neither instant nor over time, or both`] : []),
    ...(type === 'table' || legendFormat ? [] : [`${refId} has no legend`]),
    ...((type === 'table') === (format === 'table') ? [] : [`${refId} has the format ${format}`]),
  ];
}

function overlaps(places: GridPos[]): string[] {
  const outside = places.filter(({ x, w }) => x < 0 || w <= 0 || x + w > columns);
  const pairs = places.flatMap((a, index) => places.slice(index + 1).map((b) => [a, b] as const));
  const overlapping = pairs.filter(
    ([a, b]) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h,
  );
  return [
    ...outside.map((place) => `outside of the grid: ${JSON.stringify(place)}`),
    ...overlapping.map(([a, b]) => `overlap: ${JSON.stringify(a)} and ${JSON.stringify(b)}`),
  ];
}

function queryProblems(dashboard: Dashboard): string[] {
  const view = { scrapeIntervalSeconds: 15, rangeSeconds: 3600 };
  const known = [...builtIn, ...(dashboard.templating.list ?? []).map(({ name }) => name)];
  return dashboardQueries(dashboard).flatMap(({ name, expression, isInstant, labels }) => {
    const unknown = [...expression.matchAll(/\$\{?([a-z_]\w*)/g)].filter(([, variable]) => !known.includes(variable!));
    if (unknown.length > 0) return [`${name}: unknown variable ${unknown[0]![1]}`];
    const problems = [
      ...syntaxProblems(substituted(expression, dashboard, view)),
      ...windowProblems(expression, isInstant),
      ...selectorsOf(expression).flatMap((selector) => filterProblems(selector, expression)),
      ...labels.filter((label) => !makesLabel(expression, label)).map((label) => `no aggregation keeps ${label}`),
    ];
    return problems.map((problem) => `${name}: ${problem}`);
  });
}

/** What Prometheus's own grammar does not take, and selectors without braces, which would not be filtered. */
function syntaxProblems(expression: string): string[] {
  const problems: string[] = [];
  parser.parse(expression).iterate({
    enter: ({ type, from, to }) => {
      const text = expression.slice(from, to);
      if (type.isError) problems.push(`syntax error at ${from}: ${expression.slice(from, from + 40)}`);
      if (type.name === 'VectorSelector' && !text.includes('{')) problems.push(`${text} is not filtered`);
    },
  });
  return problems;
}

/** A rate follows the resolution of the graph; an increase over all that is shown is one number, for tables. */
function windowProblems(expression: string, isInstant: boolean): string[] {
  const windows = [...expression.matchAll(/(\w+)\([^()[\]]*\[([^\]]*)\]/g)].map(
    ([, call, window]) => `${call} ${window}`,
  );
  if (windows.length !== expression.split('[').length - 1) return ['a range that no function takes directly'];
  const expected = isInstant ? 'increase $__range' : 'rate $__rate_interval';
  return windows.filter((window) => window !== expected).map((window) => `${window} instead of ${expected}`);
}

function selectorsOf(expression: string): [metric: string, matchers: string][] {
  return [...expression.matchAll(/(\w+)\{([^}]*)\}/g)].map(([, metric, matchers]) => [metric!, matchers!]);
}

function filterProblems([metric, matchers]: [string, string], expression: string): string[] {
  const needed = ['cluster=~"$cluster"'];
  if (!operatorWide.has(metric.replace(/_(bucket|count|sum)$/, '')))
    needed.push('namespace=~"$namespace"', 'netexporter=~"$netexporter"');
  else if (!metric.startsWith('net_exporter_') && !pins.some((pin) => expression.includes(pin)))
    return [`${metric} is also that of other programs`];
  return needed.filter((matcher) => !matchers.split(',').includes(matcher)).map((each) => `${metric} without ${each}`);
}

function makesLabel(expression: string, label: string): boolean {
  const grouped = [...expression.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(', '));
  const replaced = [...expression.matchAll(/, "(\w+)", "[^"]*", "\w+", "[^"]*"\)/g)].map(([, name]) => name!);
  return [...grouped, ...replaced].includes(label);
}

/** Names that occur more than once. */
function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))].map((name) => `${name} twice`);
}
