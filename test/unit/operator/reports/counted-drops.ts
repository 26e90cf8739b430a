import { type ReportDrops, ReportMemory } from '../../../../src/operator/reports/report-memory.ts';

/** Counts what is dropped of reports, such as `targets not_planned`. */
export class CountedDrops implements ReportDrops {
  readonly counts: Record<string, number> = {};

  targets(reason: string, count: number): void {
    this.#add(`targets ${reason}`, count);
  }

  sketches(reason: string, count: number): void {
    this.#add(`sketches ${reason}`, count);
  }

  #add(what: string, count: number): void {
    if (count > 0) this.counts[what] = (this.counts[what] ?? 0) + count;
  }
}

/** What reports need of the operator. */
export function reportParts(maxBytes?: number) {
  return { memory: new ReportMemory(maxBytes), drops: new CountedDrops() };
}
