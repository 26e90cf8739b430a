import type { Clock } from '../../base/clock.ts';
import type { Report } from '../../protocol/report.ts';
import type { Acknowledgement } from '../../protocol/sync.ts';
import { type AcceptedResult, AgentReports, type LinkPlan, type SharedReports } from './agent-reports.ts';
import { type Link, LinkTable } from './link-table.ts';
import type { Outcomes } from './packed-outcomes.ts';
import type { ReportDrops, ReportMemory } from './report-memory.ts';

/** The results of one agent for one of its targets within the window. */
export interface LinkReport extends Outcomes {
  /** UID of the agent's pod. */
  agent: string;
  link: Link;
}

/** Told about the reports of one NetExporter's agents. */
export interface ReportListener {
  /** Called once for each report, with the results that count. @param spanMs time over which they were found */
  accepted(podUid: string, spanMs: number, results: readonly AcceptedResult[]): void;
  /** The agent's pod is gone. */
  forgotten?(podUid: string): void;
}

/**
 * What the agents of one NetExporter have reported within `spec.health.window`, in bounded memory: about 150 bytes for
 * each agent and target, whatever the window and however often they report.
 *
 * The window moves by an eighth of its length at a time, so it is between seven and eight eighths long. A report counts
 * from the moment at which it arrives, also that of an agent that could not reach the operator for longer than the
 * window.
 */
export class FleetReports implements SharedReports {
  readonly table = new LinkTable();
  readonly drops: ReportDrops;
  readonly #clock: Clock;
  readonly #memory: ReportMemory;
  readonly #agents = new Map<string, AgentReports>();
  /** Length of the window, in milliseconds. May change at any time. */
  windowMs: number;
  /** May change at any time. */
  readonly listeners = new Set<ReportListener>();

  /** @param options `memory` is shared with other NetExporters */
  constructor(options: { clock: Clock; windowMs: number; memory: ReportMemory; drops: ReportDrops }) {
    this.#clock = options.clock;
    this.windowMs = options.windowMs;
    this.#memory = options.memory;
    this.drops = options.drops;
  }

  now(): number {
    return this.#clock.monotonic();
  }

  /**
   * Processes a report. One that is sent again, because the agent did not receive the response, counts once: its pod,
   * stream and sequence identify it.
   * @param plan which links the agent may report
   * @returns the acknowledgement; the agent must not receive it unless this has returned
   */
  take(podUid: string, report: Report, plan: LinkPlan): Acknowledgement {
    let agent = this.#agents.get(podUid);
    if (!agent) {
      agent = new AgentReports(this);
      this.#agents.set(podUid, agent);
    }
    agent.take(report, plan, (results) => {
      for (const listener of this.listeners) listener.accepted(podUid, report.spanMs, results);
    });
    this.#memory.changed(agent);
    return { stream: report.stream, sequence: report.sequence };
  }

  /** Drops the reports of an agent whose pod is gone. */
  forget(podUid: string): void {
    for (const listener of this.listeners) listener.forgotten?.(podUid);
    const agent = this.#agents.get(podUid);
    if (!agent) return;
    agent.release();
    this.#memory.released(agent);
    this.#agents.delete(podUid);
  }

  /** Drops the reports of all agents. */
  forgetAll(): void {
    for (const podUid of this.#agents.keys()) this.forget(podUid);
  }

  /** The targets of an agent with attempts that were reported within the window. */
  *linksOf(podUid: string): Generator<[Link, Outcomes]> {
    const agent = this.#agents.get(podUid);
    if (!agent) return;
    yield* agent.links();
    this.#memory.changed(agent);
  }

  /**
   * All targets of all agents with attempts that were reported within the window. A report or a change of the window
   * during the iteration may be included or not.
   */
  *links(): Generator<LinkReport> {
    for (const [agent, reports] of this.#agents) {
      for (const [link, outcomes] of reports.links()) yield { agent, link, ...outcomes };
      this.#memory.changed(reports);
    }
  }
}
