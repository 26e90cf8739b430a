import type { Clock } from '../../base/clock.ts';
import { kind as netExporterKind } from '../../crd/net-exporter.ts';
import type { EventContent, Regarding } from './event.ts';

/** Events that are remembered. The oldest makes room. */
const maxEvents = 1000;

/** An Event about a NetExporter. */
export interface PastEvent {
  /** Higher than those of all that happened earlier. */
  id: number;
  namespace: string;
  netexporter: string;
  content: EventContent;
  /** Milliseconds since the epoch. */
  firstAt: number;
  lastAt: number;
  count: number;
}

/** The last Events about NetExporters, in memory only: also those that are not written for want of a right. */
export class EventHistory {
  readonly #clock: Pick<Clock, 'wall'>;
  /** By what they say, in the order in which they happened last. */
  readonly #events = new Map<string, PastEvent>();
  #lastId = 0;

  constructor(clock: Pick<Clock, 'wall'>) {
    this.#clock = clock;
  }

  note(content: EventContent, { kind, metadata }: Regarding): void {
    if (kind !== netExporterKind) return;
    const { namespace, name: netexporter, uid } = metadata;
    const key = JSON.stringify([uid, content.type, content.reason, content.note]);
    const now = this.#clock.wall();
    const { count = 0, firstAt = now } = this.#events.get(key) ?? {};
    // One that happens again is the newest.
    this.#events.delete(key);
    this.#events.set(key, {
      ...{ id: ++this.#lastId, namespace, netexporter, content },
      ...{ firstAt, lastAt: now, count: count + 1 },
    });
    if (this.#events.size > maxEvents) this.#events.delete(this.#events.keys().next().value!);
  }

  /** The one that happened last is the last. */
  events(): Iterable<PastEvent> {
    return this.#events.values();
  }
}
