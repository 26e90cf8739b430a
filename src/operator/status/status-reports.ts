import type { Logger } from 'pino';
import type { NetExporter } from '../../crd/net-exporter.ts';
import type { EventRecorder } from '../events/event-recorder.ts';
import { FaultNews } from './fault-news.ts';
import type { Findings } from './status.ts';
import { conditionChanges, repeatedEvents, type StatusEvent, statusEvents } from './status-events.ts';
import type { WrittenStatus } from './status-writer.ts';
import { repeatedSuspectEvents } from './suspect-events.ts';

/** Writes Events and log lines about the status of one NetExporter. */
export class StatusReports {
  readonly #events: Pick<EventRecorder, 'record'>;
  readonly #news = new FaultNews();
  #hasBegun = false;

  constructor(events: Pick<EventRecorder, 'record'>) {
    this.#events = events;
  }

  /**
   * Repeats what the former leader may not have written. Has an effect only once.
   * @param resource with the status as that leader wrote it last
   * @param now milliseconds since the epoch
   */
  begin(resource: NetExporter, now: number): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    const { suspects = [] } = resource.status ?? {};
    this.#record([...repeatedEvents(resource.status, now), ...repeatedSuspectEvents(suspects, now)], resource);
  }

  /** Reports what has changed. @param findings of the new status */
  report(resource: NetExporter, written: WrittenStatus, findings: Findings, log: Logger): void {
    const events = statusEvents(written);
    const news = this.#news.take(written, findings);
    this.#record([...events, ...news], resource);
    const agents = written.after.agents?.summary;
    for (const { before, after } of conditionChanges(written)) {
      const { type, status, reason, message } = after;
      const isPause = type === 'Reconciling' && [before?.reason, reason].includes('Paused');
      // Otherwise Ready has the reasons of Reconciling and Stalled.
      if ((type === 'Reconciling' || type === 'Stalled') && !isPause) continue;
      if (!before && status === 'Unknown') continue;
      const isWarned = events.some(({ content }) => content.type === 'Warning' && content.reason === reason);
      const fields = { agents, condition: type, status, reason, message };
      log[isWarned ? 'warn' : 'info'](fields, 'condition changed');
    }
    for (const { content } of news)
      log.warn({ agents, reason: content.reason, message: content.note }, 'further fault');
  }

  #record(events: readonly StatusEvent[], resource: NetExporter): void {
    for (const { content, occurrence } of events) this.#events.record(content, resource, occurrence);
  }
}
