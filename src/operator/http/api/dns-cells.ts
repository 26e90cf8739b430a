import type { Row } from '../../../contract/api/rows.ts';
import type { FailureReason } from '../../../contract/failure-reason.ts';
import type { SketchEntry } from '../../../protocol/latency-sketch.ts';
import type { DnsPod } from '../../dns/dns-service.ts';
import type { Observations } from '../../judge/observations.ts';
import type { Link } from '../../reports/link-table.ts';
import { LatencyCounts } from './latency-counts.ts';
import { OutcomeSums } from './outcome-sums.ts';

/** Pairs of a server and a name of one NetExporter that are shown. */
export const maxDnsCells = 2500;

interface Cell {
  server: string;
  host: string;
  sums: OutcomeSums;
  latencies: LatencyCounts;
  agents: number;
  badAgents: number;
  /** The last agent that was counted in each of them. */
  lastAgent: number;
  lastBadAgent: number;
  /** Failures by the reason of most of each stream. */
  reasons: Map<FailureReason, number>;
}

/** Sums of lookups by server and name. */
export class DnsCells {
  readonly #failureRatio: number;
  readonly #pods: ReadonlyMap<string, DnsPod>;
  readonly #cells = new Map<string, Cell>();
  #agent = 0;

  constructor(failureRatio: number, pods: readonly DnsPod[]) {
    this.#failureRatio = failureRatio;
    this.#pods = new Map(pods.map((pod) => [pod.address, pod]));
  }

  addStream(link: Link, observations: Observations, stream: number): void {
    const cell = this.#cellOf(link);
    if (!cell) return;
    const before = cell.sums.bad;
    cell.sums.addStream(observations, stream);
    if (cell.lastAgent !== this.#agent) cell.agents++;
    cell.lastAgent = this.#agent;
    const bad = cell.sums.bad - before;
    if (bad > 0 && cell.lastBadAgent !== this.#agent) cell.badAgents++;
    if (bad > 0) cell.lastBadAgent = this.#agent;
    const reason = observations.reasons[stream];
    if (reason !== undefined && bad > 0) cell.reasons.set(reason, (cell.reasons.get(reason) ?? 0) + bad);
  }

  addLatencies(link: Link, entries: readonly Readonly<SketchEntry>[]): void {
    this.#cellOf(link)?.latencies.add(entries);
  }

  /** The streams of an agent are complete. */
  endAgent(): void {
    this.#agent++;
  }

  /** Those with attempts, sorted. */
  rows(): Omit<Row<'dns'>, 'namespace' | 'netexporter'>[] {
    const cells = [...this.#cells.values()].filter(({ sums }) => sums.attempts > 0);
    const keyed = cells.map((cell) => ({ cell, key: `${cell.server} ${cell.host}` }));
    keyed.sort((a, b) => (a.key < b.key ? -1 : 1));
    return keyed.map(({ cell }) => this.#rowOf(cell));
  }

  #rowOf({
    server,
    host,
    sums,
    latencies,
    agents,
    badAgents,
    reasons,
  }: Cell): Omit<Row<'dns'>, 'namespace' | 'netexporter'> {
    const pod = this.#pods.get(server);
    const [reason] = [...reasons].reduce((a, b) => (b[1] > a[1] ? b : a), [undefined as string | undefined, 0]);
    return {
      server,
      ...(pod?.name && { pod: pod.name }),
      ...(pod?.node !== undefined && { node: pod.node }),
      host,
      state: sums.stateBy(this.#failureRatio) ?? 'unreported',
      ...{ agents, badAgents },
      ...sums.counts,
      ...(reason !== undefined && { reason }),
      ...latencies.latencies,
    };
  }

  /** Undefined if there are too many. */
  #cellOf({ server, host }: Link): Cell | undefined {
    const key = `${server} ${host}`;
    const known = this.#cells.get(key);
    if (known || this.#cells.size >= maxDnsCells) return known;
    const cell = {
      server,
      host,
      sums: new OutcomeSums(),
      latencies: new LatencyCounts(),
      ...noAgents(),
      reasons: new Map(),
    };
    this.#cells.set(key, cell);
    return cell;
  }
}

function noAgents() {
  return { agents: 0, badAgents: 0, lastAgent: -1, lastBadAgent: -1 };
}
