import type { Row } from '../../../contract/api/rows.ts';
import { latencyText } from '../../status/health-status.ts';
import type { FleetView } from './fleet-view.ts';
import { cell, wrapped } from './text-lines.ts';

/** Zones in the matrix, and failing or slow DNS rows and agents that are named. */
const maxZones = 8;
const maxNamed = 8;

const zoneColumn = 18;
const cellColumn = 10;

/** Cells of the matrix, in words: failing ones stand out without colour. */
const stateWords: Record<Row<'zones'>['state'], string> = {
  ok: 'ok',
  slow: 'slow',
  failing: 'FAIL',
  unprobed: '-',
  unreported: '?',
};

/** What a report says of one NetExporter. */
export interface ReportPart {
  status: Row<'status'>;
  suspects: readonly Omit<Row<'suspects'>, 'namespace' | 'netexporter'>[];
  view: FleetView | undefined;
}

/** A report of one NetExporter, in lines of at most 100 characters. */
export function reportLines({ status, suspects, view }: ReportPart): string[] {
  const { namespace, netexporter, agents, verdict, monitor, judgement } = status;
  const { desired, ready, configured, reporting } = agents;
  const counts = [
    `${ready}/${desired} agents ready`,
    ...(configured === undefined ? [] : [`${configured} configured`]),
    ...(reporting === undefined ? [] : [`${reporting} reporting`]),
  ];
  const conditions = ['Ready', 'DNSHealthy', 'NetworkHealthy'].map(
    (wanted) => `${wanted} ${status.conditions.find(({ type }) => type === wanted)?.status ?? 'Unknown'}`,
  );
  return [
    ...wrapped(`NetExporter ${namespace}/${netexporter}`, ''),
    ...wrapped(`${conditions.join(', ')}; ${counts.join(', ')}`, '  '),
    '',
    ...(verdict.length === 0 ? ['  Nothing is known yet.'] : verdict.flatMap((each) => wrapped(each, '  * '))),
    ...remedies(suspects),
    ...section(
      'Monitoring',
      monitor.flatMap((each) => wrapped(each, '  * ')),
    ),
    ...section('Agents that lack something', view ? lacking(view) : []),
    ...section('Links between zones, from row to column (failing, or else slow, of all)', view ? matrix(view) : []),
    ...section('DNS', view ? lookups(view) : []),
    ...section('Figures', judgement ? figures(judgement) : []),
  ];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', ...wrapped(`${title}:`, '  '), ...lines];
}

/** What to do about each kind, worst first. */
function remedies(suspects: ReportPart['suspects']): string[] {
  const worstFirst = [...suspects].sort((a, b) => a.rank - b.rank);
  const byKind = new Map(worstFirst.map(({ kind, remedy, runbook }) => [kind, { remedy, runbook }]));
  return section(
    'What to do',
    [...byKind].flatMap(([kind, { remedy, runbook }]) => [
      ...wrapped(`${kind}: ${remedy}`, '  * '),
      ...wrapped(runbook, '    '),
    ]),
  );
}

function lacking({ nodes }: FleetView): string[] {
  const found = nodes.flatMap(({ name, lacks }) => (lacks === undefined ? [] : [`${name} (${lacks})`]));
  if (found.length === 0) return [];
  const more = found.length - maxNamed;
  const named = found.slice(0, maxNamed).join(', ');
  return wrapped(more > 0 ? `${named} and ${more} more` : named, '  * ');
}

function matrix({ zones }: FleetView): string[] {
  const names = [...new Set(zones.map(({ from }) => from))];
  if (zones.length === 0) return [];
  if (names.length > maxZones) {
    const bad = zones.filter(({ state }) => state === 'failing' || state === 'slow');
    const summary = `${names.length} zones; ${bad.length} pairs of them fail or are slow. See /api/v1/zones.`;
    return [
      ...wrapped(summary, '  * '),
      ...bad.slice(0, maxNamed).flatMap((row) => wrapped(`${row.from} > ${row.to}: ${cellText(row)}`, '  * ')),
    ];
  }
  const byPair = new Map(zones.map((row) => [JSON.stringify([row.from, row.to]), row]));
  const title = (zone: string) => zone || '(none)';
  return [
    `  ${cell('', zoneColumn)}${names.map((zone) => cell(title(zone), cellColumn - 1)).join(' ')}`.trimEnd(),
    ...names.map((from) => {
      const cells = names.map((to) => byPair.get(JSON.stringify([from, to])));
      const texts = cells.map((row) => cell(row ? cellText(row) : stateWords.unprobed, cellColumn - 1));
      return `  ${cell(title(from), zoneColumn - 1)} ${texts.join(' ')}`.trimEnd();
    }),
  ];
}

function cellText({ state, links }: Pick<Row<'zones'>, 'state' | 'links'>): string {
  const all = Object.values(links).reduce((sum, count) => sum + count, 0);
  const counted = links.failing > 0 ? links.failing : links.slow;
  return counted > 0 ? `${stateWords[state]} ${counted}/${all}` : stateWords[state];
}

function lookups({ dns }: FleetView): string[] {
  const bad = dns.filter(({ state }) => state === 'failing' || state === 'slow');
  const shown = bad.slice(0, maxNamed).flatMap(({ server, host, reason, ...row }) => {
    const why = reason === undefined ? '' : `, mostly ${reason}`;
    const figures = `${row.bad} bad and ${row.slow} slow of ${row.attempts} lookups${why}`;
    const seen = `${row.badAgents} of ${row.agents} agents have bad ones`;
    return wrapped(`${host} at ${server}: ${row.state}, ${figures}; ${seen}.`, '  * ');
  });
  const more = bad.length - maxNamed;
  const wellCount = dns.length - bad.length;
  return [
    ...shown,
    ...(more > 0 ? [`  * And ${more} more.`] : []),
    ...(wellCount > 0 ? [`  * ${wellCount} of ${dns.length} pairs of a server and a name are well.`] : []),
  ];
}

function figures({ judgedAt, windowSeconds, filledSeconds, dns, network }: NonNullable<Row<'status'>['judgement']>) {
  const filled = filledSeconds >= windowSeconds ? 'filled' : `${filledSeconds} s of it filled`;
  const latency = ({ p50, p99 }: { p50?: number; p99?: number }) =>
    p50 === undefined || p99 === undefined ? '' : `, p50 ${latencyText(p50)}, p99 ${latencyText(p99)}`;
  const { ok, slow, failing, unreported } = network.links;
  return [
    `Judged ${judgedAt}; window ${windowSeconds} s, ${filled}.`,
    `DNS: ${dns.servers} servers, ${dns.hosts} names, ${dns.failures} of ${dns.attempts} lookups failed${latency(dns)}.`,
    `Network: ${network.failures} of ${network.attempts} probes failed${latency(network)}; links: ${ok} ok, ${slow} slow, ${failing} failing, ${unreported} unreported.`,
  ].flatMap((each) => wrapped(each, '  * '));
}
