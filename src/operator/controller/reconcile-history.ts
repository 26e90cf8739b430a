import type { NetExporter } from '../../crd/net-exporter.ts';
import { StatusReports } from '../status/status-reports.ts';
import { ChildHistory, type ChildrenParts } from './children.ts';
import { RolloutWatch, type RolloutWatchParts } from './rollout-watch.ts';

/** What is remembered of a NetExporter from one reconciliation to the next. */
export interface ReconcileHistory {
  uid: string;
  children: ChildHistory;
  /**
   * A full sentence for each limit of what agents probe that the last applied spec exceeds; undefined if this process
   * has not applied one.
   */
  exceeded: readonly string[] | undefined;
  rollout: RolloutWatch;
  statusReports: StatusReports;
}

type HistoryParts = RolloutWatchParts & Pick<ChildrenParts, 'events'>;

/** What is remembered of each NetExporter. */
export class ReconcileHistories {
  readonly #parts: HistoryParts;
  /** By key of the NetExporter. */
  readonly #histories = new Map<string, ReconcileHistory>();

  constructor(parts: HistoryParts) {
    this.#parts = parts;
  }

  /** That of a NetExporter. One that is created anew under its name shares only what is remembered of the children. */
  of(key: string, { metadata: { uid } }: NetExporter): ReconcileHistory {
    const known = this.#histories.get(key);
    if (known?.uid === uid) return known;
    const children = known?.children ?? new ChildHistory();
    const rollout = new RolloutWatch(this.#parts);
    const history = {
      uid,
      children,
      exceeded: undefined,
      rollout,
      statusReports: new StatusReports(this.#parts.events),
    };
    this.#histories.set(key, history);
    return history;
  }

  /** The NetExporter of this key is gone. */
  forget(key: string): void {
    this.#histories.delete(key);
  }
}
