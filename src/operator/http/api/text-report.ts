import { keyOf } from '../../kube/kube-object.ts';
import { chosenResources, type ListParts } from './list-page.ts';
import type { Leader } from './list-text.ts';
import type { ResourceQuery } from './query.ts';
import { reportLines } from './report-lines.ts';
import { statusRow, suspectRows } from './rows.ts';
import { maxColumns, wrapped } from './text-lines.ts';

/** NetExporters in a report. */
const maxResources = 20;

/** The state of the NetExporters that are asked for, as text. */
export async function textReport(query: ResourceQuery, parts: ListParts & { leader: Leader }): Promise<string> {
  const { source, views, slices, leader } = parts;
  const resources = chosenResources(source, query);
  const since = leader.since === undefined ? '' : ` since ${leader.since}`;
  const lines = wrapped(`Reported by ${leader.pod}, version ${leader.version}, which leads${since}.`, '');
  for (const resource of resources.slice(0, maxResources)) {
    const known = source.fleetOf(keyOf(resource));
    const view = await views.of(keyOf(resource));
    const part = { status: statusRow(resource, known), suspects: suspectRows(known), view };
    lines.push('', '-'.repeat(maxColumns), ...reportLines(part));
    if (slices.isOver) await slices.next();
  }
  const more = resources.length - maxResources;
  if (more > 0) lines.push('', ...wrapped(`And ${more} more NetExporters: ask for them by ?namespace=NAMESPACE.`, ''));
  if (resources.length === 0) lines.push('', 'There is no such NetExporter.');
  return `${lines.join('\n')}\n`;
}
