import type { Clock } from '../../base/clock.ts';
import type { Report } from '../../protocol/report.ts';
import type { Acknowledgement } from '../../protocol/sync.ts';
import { AgentReports } from './agent-reports.ts';
import { type Link, LinkTable } from './link-table.ts';
import type { Outcomes } from './packed-outcomes.ts';

/** What one agent found out about one of its targets in the window. */
export interface LinkReport extends Outcomes {
  /** The uid of the agent's pod. */
  agent: string;
  link: Link;
}

/**
 * What the agents of one NetExporter have reported during the last `spec.health.window`, in bounded memory: about 150
 * bytes for each agent and target, whatever the window and however often they report.
 *
 * The window moves on by an eighth of itself at a time, so that it is between seven and eight eighths long. A report
 * counts as of the moment when it comes, also one of an agent that could not reach the operator for longer than the
 * window.
 *
 * Each agent's: `take` what it sends and answer with what that returns; `forget` the agent when its pod is gone. Then
 * ask `links`.
 */
export class FleetReports {
  readonly #clock: Clock;
  readonly #table = new LinkTable();
  readonly #agents = new Map<string, AgentReports>();
  /** How far back is looked, in milliseconds. It may be changed at any time. */
  windowMs: number;

  constructor({ clock, windowMs }: { clock: Clock; windowMs: number }) {
    this.#clock = clock;
    this.windowMs = windowMs;
  }

  /**
   * Takes an agent's report into account. One that comes again, since the agent missed the answer, counts once: what
   * tells it from others is its pod, stream and sequence.
   * @returns what to acknowledge; it must not get to the agent unless this has returned
   */
  take(podUid: string, report: Report): Acknowledgement {
    let agent = this.#agents.get(podUid);
    if (!agent) {
      agent = new AgentReports(this.#table);
      this.#agents.set(podUid, agent);
    }
    agent.take(report, this.#clock.monotonic(), this.windowMs);
    return { stream: report.stream, sequence: report.sequence };
  }

  /** Drops all of an agent whose pod is gone. */
  forget(podUid: string): void {
    this.#agents.get(podUid)?.release();
    this.#agents.delete(podUid);
  }

  /**
   * Every target of every agent at which an attempt was reported in the window. A report or a change of the window
   * during the walk may count or not.
   */
  *links(): Generator<LinkReport> {
    const now = this.#clock.monotonic();
    for (const [agent, reports] of this.#agents)
      for (const [link, outcomes] of reports.links(now, this.windowMs)) yield { agent, link, ...outcomes };
  }
}
