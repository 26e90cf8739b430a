import type { CellState } from '../../../contract/api/parts.ts';
import type { Row } from '../../../contract/api/rows.ts';
import { LatencyCounts } from './latency-counts.ts';
import { LinkSums, type NodeView } from './node-view.ts';

/** Ordered pairs of zones of one NetExporter that are shown. */
export const maxZonePairs = 2500;

/** The links of a pair. */
export class ZonePair extends LinkSums {
  readonly latencies = new LatencyCounts();
}

/** Sums of links by ordered pairs of zones. */
export class ZonePairs {
  readonly #failureRatio: number;
  readonly #zones: readonly string[];
  readonly #pairs = new Map<string, Map<string, ZonePair>>();
  #size = 0;

  constructor(failureRatio: number, nodes: readonly NodeView[]) {
    this.#failureRatio = failureRatio;
    this.#zones = [...new Set(nodes.map(({ zone }) => zone))].sort();
  }

  /** Undefined if there are too many. */
  of({ zone: from }: NodeView, { zone: to }: NodeView): ZonePair | undefined {
    const known = this.#pairs.get(from)?.get(to);
    if (known || this.#size >= maxZonePairs) return known;
    this.#size++;
    const pair = new ZonePair();
    const ofZone = this.#pairs.get(from) ?? new Map<string, ZonePair>();
    this.#pairs.set(from, ofZone.set(to, pair));
    return pair;
  }

  /** All pairs, sorted; those without a link only if all fit. */
  rows(): Omit<Row<'zones'>, 'namespace' | 'netexporter'>[] {
    const isComplete = this.#zones.length ** 2 <= maxZonePairs;
    const zones = this.#zones;
    return zones.flatMap((from) =>
      zones.flatMap((to) => {
        const pair = this.#pairs.get(from)?.get(to);
        if (!pair && !isComplete) return [];
        const { row, sums } = pair ?? new LinkSums();
        const known = sums.stateBy(this.#failureRatio);
        const state: CellState = known ?? (pair && hasLinks(pair) ? 'unreported' : 'unprobed');
        return [{ from, to, state, ...row, ...pair?.latencies.latencies }];
      }),
    );
  }
}

function hasLinks({ links }: LinkSums): boolean {
  return Object.values(links).some((count) => count > 0);
}
