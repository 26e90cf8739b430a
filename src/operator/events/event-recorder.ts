import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { type EventContent, eventObject, events, microTime, type Regarding, type Reporter } from './event.ts';

/** The same Event within this time counts up instead of being told anew (as in client-go). */
const seriesMs = 6 * 60_000;

/** Series remembered. The oldest makes room. */
const maxSeries = 256;

/** Events that wait for the API server. What comes on top is dropped: Events are news, not records. */
const maxWaiting = 64;

interface Series {
  place: { namespace: string; name: string };
  count: number;
  lastMs: number;
}

/** Writes Events, one at a time and behind the back of whoever records them: a failure is logged and goes no further. */
export class EventRecorder {
  readonly #client: Pick<ApiClient, 'create' | 'mergePatch'>;
  readonly #reporter: Reporter;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Logger;
  readonly #series = new Map<string, Series>();
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: {
    client: Pick<ApiClient, 'create' | 'mergePatch'>;
    reporter: Reporter;
    clock: Clock;
    random: () => number;
    log: Logger;
  }) {
    this.#client = options.client;
    this.#reporter = options.reporter;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.log;
  }

  record(content: EventContent, regarding: Regarding): void {
    if (this.#waiting >= maxWaiting) {
      this.#log.warn({ reason: content.reason }, 'too many events wait; this one is dropped');
      return;
    }
    this.#waiting++;
    this.#last = this.#last
      .then(() => this.#write(content, regarding))
      .catch((error) => this.#log.warn({ err: error, reason: content.reason }, 'an event could not be written'))
      .finally(() => this.#waiting--);
  }

  /** Resolves when what was recorded has been written or has failed. */
  flushed(): Promise<void> {
    return this.#last;
  }

  async #write(content: EventContent, regarding: Regarding): Promise<void> {
    const now = this.#clock.now();
    const key = JSON.stringify([content, regarding.metadata.uid]);
    const series = this.#series.get(key);
    if (series && now - series.lastMs < seriesMs && (await this.#count(series, now))) return;
    const suffix = [now.toString(16), Math.floor(this.#random() * 2 ** 32).toString(16)].join('');
    const event = eventObject(content, regarding, this.#reporter, suffix, now);
    await this.#client.create(events, event.metadata.namespace, event);
    this.#series.delete(key);
    this.#series.set(key, { place: event.metadata, count: 1, lastMs: now });
    const [oldest] = this.#series.keys();
    if (this.#series.size > maxSeries) this.#series.delete(oldest!);
  }

  /** @returns false where the Event has expired meanwhile */
  async #count(series: Series, now: number): Promise<boolean> {
    const { namespace, name } = series.place;
    const count = series.count + 1;
    const patch = { series: { count, lastObservedTime: microTime(now) } };
    try {
      await this.#client.mergePatch(events, { namespace, name }, patch);
    } catch (error) {
      if (isApiError(error, 'NotFound')) return false;
      throw error;
    }
    series.count = count;
    series.lastMs = now;
    return true;
  }
}
