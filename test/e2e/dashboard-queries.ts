import type { Dashboard, Panel, RowPanel, VariableModel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';

/** One query of a panel. */
export interface DashboardQuery {
  /** Title of the panel, which is unique, and the query's letter. */
  name: string;
  panel: string;
  expression: string;
  /** A query now, not one over time. */
  isInstant: boolean;
  /** Labels that the legend, the columns of the table or the matrix need. */
  labels: string[];
}

/** Panels that are empty while nothing is wrong. */
export const emptyUnlessFault = [
  'Suspects now',
  'Suspects over time',
  'Failing links',
  'DNS failures by server and reason',
  'NTP failures by server and reason',
];

/** What is chosen of a variable: all, or some values. */
export type Choice = 'all' | readonly string[];

export interface DashboardView {
  /** Everything of variables that are not named. */
  choices?: Readonly<Record<string, Choice>>;
  scrapeIntervalSeconds: number;
  rangeSeconds: number;
}

/** Panels of a dashboard, without the rows that group them. */
export function panelsOf({ panels = [] }: Dashboard): Panel[] {
  return panels.filter((panel: Panel | RowPanel): panel is Panel => panel.type !== 'row');
}

export function targetsOf({ targets = [] }: Panel): Dataquery[] {
  return targets as Dataquery[];
}

/** Every query of every panel. */
export function dashboardQueries(dashboard: Dashboard): DashboardQuery[] {
  return panelsOf(dashboard).flatMap((panel) =>
    targetsOf(panel).map(({ refId, expr, legendFormat = '', instant = false }) => ({
      name: `${panel.title} ${refId}`,
      panel: panel.title ?? '',
      expression: expr,
      isInstant: instant,
      labels: [...new Set([...labelsIn(legendFormat), ...labelsOfTable(panel)])],
    })),
  );
}

/** The queries that fill the list of a variable, as `label_values` asks them: one series for each value. */
export function variableQueries({ templating: { list = [] } }: Dashboard): (DashboardQuery & { label: string })[] {
  return list.flatMap(({ name, query }) => {
    if (typeof query !== 'object') return [];
    const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(query.query as string)!;
    const expression = `count by (${label}) (${series})`;
    return [{ name: `variable ${name}`, panel: name, expression, isInstant: true, labels: [label!], label: label! }];
  });
}

function labelsIn(legend: string): string[] {
  return [...legend.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, label]) => label!);
}

/** The labels that a table shows: its columns, or the rows and columns of a matrix. */
function labelsOfTable({ transformations = [] }: Panel): string[] {
  return transformations.flatMap(({ id, options }) => {
    if (id === 'groupingToMatrix') return [options.rowField, options.columnField];
    if (id === 'organize') return Object.keys(options.renameByName).filter((field) => !/^(Time|Value)\b/.test(field));
    return [];
  });
}

/**
 * An expression as Grafana sends it to Prometheus: its variables are replaced by what is chosen. `$1` of label_replace
 * is no variable.
 */
export function substituted(
  expression: string,
  { templating: { list = [] } }: Dashboard,
  { choices = {}, scrapeIntervalSeconds, rangeSeconds }: DashboardView,
): string {
  return expression.replaceAll(/\$(?:\{(\w+)\}|([a-z_]\w*))/g, (_, braced: string | undefined, plain: string) => {
    const name = braced ?? plain;
    // At the highest resolution, where the interval between two points is the scrape interval at most.
    if (name === '__rate_interval') return `${4 * scrapeIntervalSeconds}s`;
    if (name === '__range') return `${rangeSeconds}s`;
    const variable = list.find((each) => each.name === name);
    if (!variable) throw new Error(`no variable is named ${name}`);
    return chosenPattern(variable, choices[name] ?? 'all');
  });
}

/** The regular expression for what is chosen, within the quotes of a matcher. */
function chosenPattern({ name, allValue }: VariableModel, choice: Choice): string {
  if (choice === 'all') {
    if (allValue === undefined) throw new Error(`${name} has no value for all`);
    return allValue;
  }
  const values = choice.map(escaped);
  return values.length === 1 ? values[0]! : `(${values.join('|')})`;
}

/** A regular expression for exactly this text, its backslashes doubled for PromQL's string. */
function escaped(text: string): string {
  return text.replaceAll(/[\\^$*+?.()|{}[\]]/g, (character) => (character === '\\' ? '\\\\\\\\' : `\\\\${character}`));
}
