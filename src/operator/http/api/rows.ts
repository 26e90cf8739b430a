import { agentStates, type ListName, type Row } from '../../../contract/api/rows.ts';
import { docsUrl } from '../../../contract/project-links.ts';
import { suspectRemedies } from '../../../contract/suspect-remedies.ts';
import type { LinkState } from '../../../contract/suspects.ts';
import type { NetExporter } from '../../../crd/net-exporter.ts';
import type { PastEvent } from '../../events/event-history.ts';
import type { KnownFleet } from '../../judge/fleet-judges.ts';
import type { JudgedPart } from '../../judge/judged-fleet.ts';
import type { TargetState } from '../../plan/target-states.ts';
import { statusSuspectOf } from '../../status/health-status.ts';
import { monitorSentences, verdictSentences } from '../../status/verdict-sentences.ts';
import { timestamp } from '../../status/wording.ts';
import type { FleetView } from './fleet-view.ts';
import { latenciesOf } from './latency-counts.ts';
import type { NodeView } from './node-view.ts';

/** Page of the documentation that has a heading for each kind of suspect. */
const judgementPage = 'judgement.md';

/** Fields of every row of a NetExporter. */
export function ofResource({ metadata: { namespace, name: netexporter } }: Pick<NetExporter, 'metadata'>) {
  return { namespace, netexporter };
}

export function statusRow(resource: NetExporter, known: KnownFleet | undefined): Row<'status'> {
  const { status = {}, metadata } = resource;
  const { conditions = [], agents, suspectSummary = 'unknown' } = status;
  const { latest, shown } = known ?? {};
  return {
    ...ofResource(resource),
    generation: metadata.generation,
    verdict: verdictSentences(shown, conditions),
    monitor: monitorSentences(conditions),
    suspects: shown?.verdict.suspects.length ?? 0,
    suspectSummary,
    conditions: conditions.map(({ type, status, reason, message, lastTransitionTime }) => ({
      ...{ type, status, reason, message, lastTransitionTime },
    })),
    agents: {
      desired: agents?.desired ?? 0,
      ready: agents?.ready ?? 0,
      ...(agents?.configured !== undefined && { configured: agents.configured }),
      ...(agents?.reporting !== undefined && { reporting: agents.reporting }),
      states: statesOf(known?.agents.states() ?? []),
    },
    ...(latest && {
      judgement: {
        judgedAt: timestamp(latest.judgedAt),
        windowSeconds: latest.windowMs / 1000,
        filledSeconds: Math.floor((known?.evidence?.coveredMs ?? 0) / 1000),
        dns: { ...partOf(latest.dns), servers: latest.dns.servers, hosts: latest.dns.hosts },
        network: { ...partOf(latest.network), links: latest.network.links },
      },
    }),
  };
}

function statesOf(agents: Iterable<TargetState>): Row<'status'>['agents']['states'] {
  const states = Object.fromEntries(agentStates.map((state) => [state, 0])) as Row<'status'>['agents']['states'];
  for (const state of agents) states[state]++;
  return states;
}

function partOf({ unknown, attempts, failures, p50, p99 }: JudgedPart) {
  return { ...(unknown !== undefined && { unknown }), attempts, failures, ...latenciesOf(p50, p99) };
}

export function nodeRow(node: NodeView): Omit<Row<'nodes'>, 'namespace' | 'netexporter'> {
  const { name, zone, isReady, agent, reports, lacks, out, service, dns, latencies } = node;
  return {
    ...{ node: name, zone },
    ...(isReady !== undefined && { ready: isReady }),
    ...(agent && { agent: { state: agent.state, reporting: reports, ...(lacks !== undefined && { lacks }) } }),
    ...{ out: out.row, in: node.in.row, service: service.counts, dns: dns.counts },
    ...latencies,
  };
}

/** The rows of the links from a node on, in order. */
export function* linkRows(
  { nodes, links }: FleetView,
  first: number,
  only: { state?: LinkState; node?: number },
): Generator<Omit<Row<'links'>, 'namespace' | 'netexporter'>> {
  for (const { from, to, ...link } of links.from(first, only)) {
    const [start, end] = [nodes[from]!, nodes[to]!];
    yield { from: start.name, fromZone: start.zone, to: end.name, toZone: end.zone, ...link };
  }
}

/** Sorted by kind and name. */
export function suspectRows(known: KnownFleet | undefined): Omit<Row<'suspects'>, 'namespace' | 'netexporter'>[] {
  const suspects = known?.shown?.verdict.suspects ?? [];
  const rows = suspects.map((suspect, index) => ({
    ...statusSuspectOf(suspect),
    ...{ kind: suspect.kind, reason: suspect.reason, rank: index + 1 },
    remedy: suspectRemedies[suspect.kind],
    runbook: docsUrl(judgementPage, suspect.kind.toLowerCase()),
  }));
  return rows.sort((a, b) => (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1));
}

export function eventRow({ id, namespace, netexporter, content, firstAt, lastAt, count }: PastEvent): Row<'events'> {
  const { type, reason, note } = content;
  const times = { firstTime: timestamp(firstAt), lastTime: timestamp(lastAt) };
  return { id, namespace, netexporter, type, reason, note, ...times, count };
}

/** What identifies a row among those of a list, and by which they are sorted. */
export const keyFields: { [Name in ListName]: readonly (keyof Row<Name>)[] } = {
  status: [],
  nodes: ['node'],
  links: ['from', 'to'],
  zones: ['from', 'to'],
  dns: ['server', 'host'],
  suspects: ['kind', 'name'],
  events: ['id'],
};
