import type { LinkState } from '../../../contract/suspects.ts';
import type { FleetAgent } from '../../agents/net-exporter-fleet.ts';
import type { NodeFacts } from '../../plan/node-facts.ts';
import type { Latencies } from './latency-counts.ts';
import { OutcomeSums } from './outcome-sums.ts';

/** The links of a node in one direction, or between two zones. */
export class LinkSums {
  readonly links: Record<LinkState, number> = { ok: 0, slow: 0, failing: 0, unreported: 0 };
  readonly sums = new OutcomeSums();

  /** Counts a link. @param sums its attempts */
  add(state: LinkState, sums: OutcomeSums): void {
    this.links[state]++;
    this.sums.add(sums);
  }

  /** As an answer has it. */
  get row() {
    return { links: this.links, ...this.sums.counts };
  }
}

/** What is shown of a node. */
export class NodeView {
  readonly name: string;
  /** Empty if it has none. */
  readonly zone: string;
  /** Undefined if there is no such Node. */
  readonly isReady: boolean | undefined;
  agent: FleetAgent | undefined;
  /** Whether the agent's next request is not overdue. */
  reports = false;
  /** What the agent lacks. */
  lacks: string | undefined;
  readonly out = new LinkSums();
  readonly in = new LinkSums();
  readonly service = new OutcomeSums();
  readonly dns = new OutcomeSums();
  /** Of the probes that the agent sends. */
  latencies: Latencies = {};

  constructor(name: string, facts: NodeFacts | undefined) {
    this.name = name;
    this.zone = facts?.zone ?? '';
    this.isReady = facts?.ready;
  }
}
