import type { Slices } from '../../../base/slices.ts';
import type { ListName, Row } from '../../../contract/api/rows.ts';
import type { LinkState } from '../../../contract/suspects.ts';
import type { NetExporter } from '../../../crd/net-exporter.ts';
import { keyOf } from '../../kube/kube-object.ts';
import type { ApiSource } from './api-source.ts';
import type { FleetViews } from './fleet-views.ts';
import { isAfter, lowerBound } from './keys.ts';
import { cursorOf, type ListQuery, type ResourceQuery } from './query.ts';
import { eventRow, keyFields, linkRows, nodeRow, ofResource, statusRow, suspectRows } from './rows.ts';

/** An answer ends after the row that exceeds this, in UTF-16 code units. */
const maxLength = 256 << 10;

type AnyRow = Row<ListName>;

/** Rows of one list. */
export interface ListPage {
  /** Each as JSON. */
  rows: string[];
  /** Undefined at the end. */
  next: string | undefined;
  /** When the newest of the data was judged, in milliseconds since the epoch; undefined before the first judgement. */
  judgedAt: number | undefined;
}

export interface ListParts {
  source: ApiSource;
  views: FleetViews;
  slices: Slices;
}

/** Collects the rows that are asked for, as many as fit. */
export async function listPage(name: ListName, query: ListQuery, parts: ListParts): Promise<ListPage> {
  const page: ListPage = { rows: [], next: undefined, judgedAt: undefined };
  let length = 0;
  let lastKey: string[] = [];
  for await (const row of rowsOf(name, query, parts, page)) {
    const key = rowKey(name, row);
    if (query.after && !isAfter(key, query.after)) continue;
    if (page.rows.length >= query.limit || length >= maxLength) {
      page.next = cursorOf(lastKey);
      break;
    }
    const text = JSON.stringify(row);
    page.rows.push(text);
    length += text.length;
    lastKey = key;
  }
  return page;
}

/** The NetExporters that are asked for, sorted. */
export function chosenResources(
  source: Pick<ApiSource, 'resources'>,
  { namespace, netexporter }: ResourceQuery,
): NetExporter[] {
  const chosen = [...source.resources()].filter(
    ({ metadata }) =>
      (namespace === undefined || metadata.namespace === namespace) &&
      (netexporter === undefined || metadata.name === netexporter),
  );
  return chosen.sort((a, b) => (isAfter(resourceKey(a), resourceKey(b)) ? 1 : -1));
}

function resourceKey({ metadata: { namespace, name } }: NetExporter): [string, string] {
  return [namespace, name];
}

function rowKey(name: ListName, row: AnyRow): string[] {
  const fields = keyFields[name] as readonly string[];
  const own = fields.map((field) => (row as Record<string, unknown>)[field]);
  // Numbers are ids: of one list, with so many digits that they are sorted like numbers.
  const key = own.map((value) => (typeof value === 'number' ? String(value).padStart(16, '0') : String(value)));
  return name === 'events' ? key : [row.namespace, row.netexporter, ...key];
}

async function* rowsOf(
  name: ListName,
  query: ListQuery,
  { source, views, slices }: ListParts,
  page: ListPage,
): AsyncGenerator<AnyRow> {
  if (name === 'events') {
    for (const event of source.events()) if (isChosen(event, query)) yield eventRow(event);
    return;
  }
  for (const resource of chosenResources(source, query)) {
    // Whatever is before it has been answered.
    if (query.after && isAfter(query.after.slice(0, 2), resourceKey(resource))) continue;
    const known = source.fleetOf(keyOf(resource));
    const judgedAt = known?.latest?.judgedAt;
    if (judgedAt !== undefined) page.judgedAt = Math.max(page.judgedAt ?? 0, judgedAt);
    const of = ofResource(resource);
    if (name === 'status') yield statusRow(resource, known);
    else if (name === 'suspects') for (const row of suspectRows(known)) yield { ...of, ...row };
    else for await (const row of viewRows(name, resource, query, views)) yield { ...of, ...row } as AnyRow;
    if (slices.isOver) await slices.next();
  }
}

async function* viewRows(
  name: 'nodes' | 'links' | 'zones' | 'dns',
  resource: NetExporter,
  query: ListQuery,
  views: FleetViews,
): AsyncGenerator<object> {
  const view = await views.of(keyOf(resource));
  if (!view) return;
  const { node, state, after } = query;
  const { namespace, name: netexporter } = resource.metadata;
  const isContinued = after?.[0] === namespace && after[1] === netexporter;
  if (name === 'zones' || name === 'dns') {
    for (const row of view[name]) if (state === undefined || row.state === state) yield row;
    return;
  }
  const { nodes } = view;
  const first = isContinued ? lowerBound(nodes, after[2] ?? '') : 0;
  if (name === 'nodes') {
    for (const each of nodes.slice(first)) if (node === undefined || each.name === node) yield nodeRow(each);
    return;
  }
  const index = node === undefined ? undefined : lowerBound(nodes, node);
  if (index !== undefined && nodes[index]?.name !== node) return;
  yield* linkRows(view, first, {
    ...(state !== undefined && { state: state as LinkState }),
    ...(index !== undefined && { node: index }),
  });
}

function isChosen(of: { namespace: string; netexporter: string }, { namespace, netexporter }: ResourceQuery): boolean {
  return (
    (namespace === undefined || of.namespace === namespace) &&
    (netexporter === undefined || of.netexporter === netexporter)
  );
}
