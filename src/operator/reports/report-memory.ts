/** Maximum memory for the reports of all agents of all NetExporters, in bytes. */
export const maxReportBytes = 128 * 1024 * 1024;

/** Something that holds reports. */
export interface ReportHolder {
  /** Memory that its reports take, in bytes. */
  readonly bytes: number;
  /** Drops the least important part of them. Called again while there is too little memory. */
  shed(): void;
}

/** What was dropped of the reports of agents, and why. */
export interface ReportDrops {
  /**
   * Results of targets.
   * - `not_planned`: the agent does not have these targets by its plan
   * - `too_many`: more targets than one agent may report within the window
   * - `agent_memory`, `memory`: out of the memory of one agent, or of all
   * - `unjudged`: they are kept, but not judged: too many targets of all agents, or attempts at one of them
   */
  targets(reason: 'not_planned' | 'too_many' | 'agent_memory' | 'memory' | 'unjudged', count: number): void;
  /**
   * Latencies of targets; the number of attempts is kept.
   * - `buckets`: a sketch has too many buckets, so its lowest ones were merged
   * - `agent_memory`, `memory`: out of the memory of one agent, or of all
   */
  sketches(reason: 'buckets' | 'agent_memory' | 'memory', count: number): void;
}

/** The memory for reports that all agents share. If it is used up, the largest holders drop parts of theirs. */
export class ReportMemory {
  readonly #maxBytes: number;
  readonly #holders = new Map<ReportHolder, number>();
  #bytes = 0;

  constructor(maxBytes = maxReportBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Memory in use, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The holder's size may have changed. */
  changed(holder: ReportHolder): void {
    this.#count(holder);
    while (this.#bytes > this.#maxBytes) {
      const largest = this.#largest();
      if (!largest || largest.bytes === 0) return;
      largest.shed();
      this.#count(largest);
    }
  }

  /** The holder has no reports any more. */
  released(holder: ReportHolder): void {
    this.#bytes -= this.#holders.get(holder) ?? 0;
    this.#holders.delete(holder);
  }

  #count(holder: ReportHolder): void {
    const { bytes } = holder;
    this.#bytes += bytes - (this.#holders.get(holder) ?? 0);
    this.#holders.set(holder, bytes);
  }

  #largest(): ReportHolder | undefined {
    let largest: ReportHolder | undefined;
    let most = -1;
    for (const [holder, bytes] of this.#holders) {
      if (bytes <= most) continue;
      largest = holder;
      most = bytes;
    }
    return largest;
  }
}
