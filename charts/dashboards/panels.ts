import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { placeholder } from './placeholder.ts';

export type Panel = Builder<dashboard.Panel>;

/** The Prometheus that the variable `datasource` chooses. */
export const datasource = { type: 'prometheus', uid: placeholder('datasource') };

interface Common {
  title: string;
  description: string;
  unit: string;
  /** Of 24 columns. */
  width: number;
  height?: number;
  /** Shown instead of `No data`. */
  noValue?: string;
}

export interface Query {
  expression: string;
  /** With `{{label}}` for the values of labels. */
  legend: string;
}

/** Colours from these values up. */
export type Steps = readonly [value: number | null, color: string][];

const lastValue = new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']);

/** Lines over time. */
export function timeSeries({ queries, ...options }: Common & { queries: readonly Query[] }): Panel {
  const legend = new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(common.LegendDisplayMode.Table)
    .placement(common.LegendPlacement.Bottom)
    .calcs(['max', 'lastNotNull']);
  const tooltip = new common.VizTooltipOptionsBuilder()
    .mode(common.TooltipDisplayMode.Multi)
    .sort(common.SortOrder.Descending);
  const panel = new TimeSeriesBuilder().legend(legend).tooltip(tooltip).lineWidth(1).fillOpacity(5);
  panel.showPoints(common.VisibilityMode.Never).targets(queries.map((query, index) => overTime(query, index)));
  return described(panel, options);
}

/** The newest values as numbers. */
export function stat({ queries, steps, ...options }: Common & { queries: readonly Query[]; steps: Steps }): Panel {
  const panel = new StatBuilder().reduceOptions(lastValue).graphMode(common.BigValueGraphMode.None);
  panel.thresholds(thresholds(steps)).targets(queries.map((query, index) => now(query.expression, index, query)));
  return described(panel, options);
}

/** A bar for each series that shows when it had which value. */
export function stateTimeline({
  query,
  texts,
  ...options
}: Common & { query: Query; texts: Record<string, dashboard.ValueMappingResult> }): Panel {
  const legend = new common.VizLegendOptionsBuilder().showLegend(false).calcs(['lastNotNull']);
  const panel = new StateTimelineBuilder().legend(legend).showValue(common.VisibilityMode.Never);
  panel.mappings([{ type: dashboard.MappingType.ValueToText, options: texts }]).targets([overTime(query, 0)]);
  return described(panel, options);
}

export interface Column {
  /** A label, or `Value` of the query of that number. */
  field: string;
  title: string;
  unit?: string;
  steps?: Steps;
  texts?: Record<string, dashboard.ValueMappingResult>;
  link?: { title: string; url: string };
}

/** The values of queries now, one row for each set of labels; the columns in this order. */
export function table({
  expressions,
  columns,
  sortBy,
  ...options
}: Common & { expressions: readonly string[]; columns: readonly Column[]; sortBy?: string }): Panel {
  const panel = new TableBuilder().targets(expressions.map((expression, index) => asTable(expression, index)));
  if (expressions.length > 1) panel.withTransformation(transformation('merge', {}));
  const shown = columns.map(({ field }) => field);
  const hidden = ['Time', ...valueFields(expressions.length)].filter((field) => !shown.includes(field));
  panel.withTransformation(
    transformation('organize', {
      excludeByName: Object.fromEntries(hidden.map((field) => [field, true])),
      indexByName: Object.fromEntries(shown.map((field, index) => [field, index])),
      renameByName: Object.fromEntries(columns.map(({ field, title }) => [field, title])),
    }),
  );
  for (const column of columns) {
    const properties = propertiesOf(column);
    if (properties.length > 0) panel.overrideByName(column.title, properties);
  }
  if (sortBy !== undefined) panel.sortBy([new common.TableSortByFieldStateBuilder().displayName(sortBy).desc(true)]);
  return described(panel.filterable(true), options);
}

/** What a table calls the values of so many queries. */
export function valueFields(queries: number): string[] {
  return queries === 1 ? ['Value'] : Array.from({ length: queries }, (_, index) => `Value #${refId(index)}`);
}

/**
 * A table with the values of one label as rows and those of another as columns; the corner says what they are. Colours
 * are not the only sign: each cell has its value.
 */
export function matrix({
  expression,
  rows,
  columns,
  corner,
  steps,
  ...options
}: Common & { expression: string; rows: string; columns: string; corner: string; steps: Steps }): Panel {
  const grouping = { rowField: rows, columnField: columns, valueField: 'Value', emptyValue: 'null' };
  const panel = new TableBuilder().targets([asTable(expression, 0)]);
  panel.withTransformation(transformation('groupingToMatrix', grouping)).thresholds(thresholds(steps));
  // The column with the names of the rows, as the transformation calls it.
  panel.overrideByName(`${rows}\\${columns}`, [
    { id: 'displayName', value: corner },
    { id: 'custom.cellOptions', value: { type: common.TableCellDisplayMode.Auto } },
  ]);
  return described(panel.cellOptions(colored), options);
}

const colored: common.TableColoredBackgroundCellOptions = {
  type: common.TableCellDisplayMode.ColorBackground,
  mode: common.TableCellBackgroundDisplayMode.Basic,
};

function propertiesOf({ unit, steps, texts, link }: Column): dashboard.DynamicConfigValue[] {
  return [
    ...(unit === undefined ? [] : [{ id: 'unit', value: unit }]),
    ...(steps === undefined ? [] : [{ id: 'thresholds', value: thresholds(steps).build() }]),
    ...(texts === undefined
      ? []
      : [{ id: 'mappings', value: [{ type: dashboard.MappingType.ValueToText, options: texts }] }]),
    ...(steps === undefined && texts === undefined ? [] : [{ id: 'custom.cellOptions', value: colored }]),
    ...(link === undefined ? [] : [{ id: 'links', value: [link] }]),
  ];
}

/** What all kinds of panels have. */
interface CommonBuilder extends Panel {
  title(title: string): this;
  description(description: string): this;
  unit(unit: string): this;
  span(columns: number): this;
  height(rows: number): this;
  noValue(text: string): this;
  datasource(reference: common.DataSourceRef): this;
}

function described(panel: CommonBuilder, { title, description, unit, width, height = 8, noValue }: Common): Panel {
  panel.title(title).description(description).unit(unit).span(width).height(height).datasource(datasource);
  return noValue === undefined ? panel : panel.noValue(noValue);
}

function thresholds(steps: Steps): dashboard.ThresholdsConfigBuilder {
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps.map(([value, color]) => ({ value, color })));
}

function overTime({ expression, legend }: Query, index: number): Builder<Dataquery> {
  return query(expression, index).range().legendFormat(legend);
}

function now(expression: string, index: number, { legend }: Query): Builder<Dataquery> {
  return query(expression, index).instant().legendFormat(legend);
}

function asTable(expression: string, index: number): Builder<Dataquery> {
  return query(expression, index).instant().format(PromQueryFormat.Table);
}

function query(expression: string, index: number): DataqueryBuilder {
  return new DataqueryBuilder().expr(expression).refId(refId(index)).datasource(datasource);
}

/** A for the first query of a panel. */
function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}

function transformation(id: string, options: object): dashboard.DataTransformerConfig {
  return { id, options };
}
