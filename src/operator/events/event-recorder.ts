import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { hash32 } from '../../base/hash.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isOfDeletedNamespace } from '../kube/api-error.ts';
import type { DroppedEvents } from './dropped-events.ts';
import { type EventContent, eventObject, type Occurrence, type Regarding, type Reporter } from './event.ts';
import type { EventHistory } from './event-history.ts';
import { EventWriter, type Series } from './event-writer.ts';
import { SpamGuard } from './spam-guard.ts';
import { type WithheldEvent, WithheldEvents } from './withheld-events.ts';

/** The same Event no farther than this from the one before belongs to its series (KEP-383; client-go's finishTime). */
const finishMs = 6 * 60_000;

/** How often a series that goes on is written, so that it does not expire after an hour (KEP-383). */
const refreshMs = 30 * 60_000;

/** How often the recorder looks for series that are due or have ended, and for withheld Events that may be written. */
const sweepMs = 60_000;

/** Series remembered. The oldest makes room. */
const maxSeries = 256;

/**
 * Writes Events (KEP-383) asynchronously, those of one namespace one at a time; failures are only logged. So a slow
 * admission webhook delays only the Events of its namespaces. The first and second Event of a series are written
 * immediately, and later counts every half hour and at the end of the series. Unlike in client-go, Events with
 * different notes are different, because notes name the object concerned, and Events beyond the limits of `SpamGuard`
 * and of pending writes are not lost: a later Event about the object counts them.
 */
export class EventRecorder {
  readonly #reporter: Reporter;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Logger;
  readonly #series = new Map<string, Series>();
  readonly #guard: SpamGuard;
  readonly #withheld: WithheldEvents;
  readonly #dropped: DroppedEvents;
  readonly #writer: EventWriter;
  readonly #history: EventHistory | undefined;
  #isDropped = false;
  #cancelSweep: (() => void) | undefined;

  constructor(options: {
    client: Pick<ApiClient, 'create' | 'mergePatch'>;
    reporter: Reporter;
    clock: Clock;
    random: () => number;
    log: Logger;
    dropped: DroppedEvents;
    history?: EventHistory;
  }) {
    this.#reporter = options.reporter;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.log;
    this.#dropped = options.dropped;
    this.#history = options.history;
    this.#guard = new SpamGuard(options.clock);
    this.#withheld = new WithheldEvents((count) => this.#dropped('overflow', count));
    this.#writer = new EventWriter({
      ...{ client: options.client, clock: options.clock, random: options.random },
      uniqueSuffix: () => this.#uniqueSuffix(),
      onFull: (series) => this.#withhold(series),
      onFailed: (series, error) => this.#failed(series, error),
    });
  }

  /** @param occurrence of a change that another process may also find; undefined: only this one does */
  record(content: EventContent, regarding: Regarding, occurrence?: Occurrence): void {
    this.#record({ content, regarding, occurrence }, (uid) => this.#guard.admits(uid, content.reason));
  }

  /** Records an Event of a kind whose number the caller limits: it neither waits for others nor makes others wait. */
  recordLimited(content: EventContent, regarding: Regarding, occurrence?: Occurrence): void {
    this.#record({ content, regarding, occurrence }, () => true);
  }

  #record({ content, regarding, occurrence }: WithheldEvent, admits: (uid: string) => boolean): void {
    if (this.#isDropped) return;
    this.#history?.note(content, regarding);
    const now = this.#clock.monotonic();
    const series = this.#series.get(keyOf(content, regarding));
    if (series && now - series.lastAt < finishMs) {
      series.count++;
      series.lastAt = now;
      series.lastObservedMs = this.#clock.wall();
      if (series.count === 2) this.#writer.enqueue(series);
      return;
    }
    if (series && series.count > series.writtenCount) this.#writer.enqueue(series);
    this.#withheld.add({ content, regarding, occurrence });
    const { uid } = regarding.metadata;
    if (admits(uid)) this.#release(uid);
    this.#cancelSweep ??= this.#clock.after(sweepMs, () => this.#sweep());
  }

  /** Resolves when what was to be written so far has been written or has failed. */
  flushed(): Promise<void> {
    return this.#writer.flushed();
  }

  /** Writes the counts that only we know and ends; what fails now is not tried again. */
  close(): Promise<void> {
    this.#writer.close();
    this.#cancelSweep?.();
    for (const { uid } of this.#withheld.newest) this.#release(uid);
    for (const series of this.#series.values()) if (series.count > series.writtenCount) this.#writer.enqueue(series);
    return this.flushed();
  }

  /** Discards what is pending and ends. */
  drop(): Promise<void> {
    this.#isDropped = true;
    this.#cancelSweep?.();
    for (const series of this.#writer.drop()) this.#countDropped(series, 'not_leader');
    this.#dropped('not_leader', this.#withheld.clear());
    return this.flushed();
  }

  /** Begins a series with each Event about an object that has not been written. */
  #release(uid: string): void {
    for (const { event, others } of this.#withheld.take(uid)) {
      if (others > 0) this.#dropped('aggregated', others);
      this.#begin(event);
    }
  }

  #begin({ content, regarding, occurrence }: WithheldEvent): void {
    const eventMs = this.#clock.wall();
    const now = this.#clock.monotonic();
    const suffix = occurrence ? suffixOf(occurrence, regarding) : this.#uniqueSuffix();
    const series: Series = {
      ...{ content, regarding, occurrence },
      event: eventObject(content, regarding, this.#reporter, suffix, eventMs),
      ...{ count: 1, lastAt: now, lastObservedMs: eventMs, writtenCount: 0, writtenAt: now },
    };
    const key = keyOf(content, regarding);
    this.#series.delete(key);
    this.#series.set(key, series);
    if (this.#series.size > maxSeries) this.#evictOldest();
    this.#writer.enqueue(series);
  }

  #uniqueSuffix(): string {
    return [this.#clock.wall().toString(16), Math.floor(this.#random() * 2 ** 32).toString(16)].join('');
  }

  /** Of an Event that has been written, only we know a higher count. */
  #evictOldest(): void {
    const [key, oldest] = this.#series.entries().next().value!;
    this.#series.delete(key);
    if (oldest.writtenCount > 0 && oldest.count > oldest.writtenCount) this.#writer.enqueue(oldest);
  }

  /** Leaves a write for later. */
  #withhold(series: Series): void {
    if (series.writtenCount > 0) return;
    this.#withheld.add(series, series.count);
    this.#forget(series);
  }

  #failed(series: Series, error: unknown): void {
    const isOfDeleted = isOfDeletedNamespace(error);
    this.#log[this.#isDropped || isOfDeleted ? 'debug' : 'warn'](
      { err: error, reason: series.content.reason },
      'cannot write Event',
    );
    if (!isOfDeleted) this.#countDropped(series, this.#isDropped ? 'not_leader' : 'failed');
    this.#forget(series);
  }

  /** Counts an Event that is not written; one of which only a higher count is not written stays. */
  #countDropped({ writtenCount }: Series, reason: Parameters<DroppedEvents>[0]): void {
    if (writtenCount === 0) this.#dropped(reason, 1);
  }

  /** So that the next Event of its kind starts a new series. */
  #forget(series: Series): void {
    const key = keyOf(series.content, series.regarding);
    if (series.writtenCount === 0 && this.#series.get(key) === series) this.#series.delete(key);
  }

  /** Writes what is due and forgets what has ended. */
  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const [key, series] of this.#series) {
      const ended = now - series.lastAt >= finishMs;
      const due = ended || now - series.writtenAt >= refreshMs;
      if (due && series.count > series.writtenCount) this.#writer.enqueue(series);
      if (ended) this.#series.delete(key);
    }
    for (const { uid, reason } of this.#withheld.newest) if (this.#guard.admits(uid, reason)) this.#release(uid);
    const isIdle = this.#series.size + this.#withheld.size === 0;
    this.#cancelSweep = isIdle ? undefined : this.#clock.after(sweepMs, () => this.#sweep());
  }
}

/** Events with the same key are of one series. */
function keyOf(content: EventContent, { metadata }: Regarding): string {
  return JSON.stringify([content, metadata.uid]);
}

/** The same for everyone who finds that change. */
function suffixOf({ id }: Occurrence, { metadata }: Regarding): string {
  const text = JSON.stringify([metadata.uid, id]);
  return [0, 1].map((seed) => hash32(text, seed).toString(16).padStart(8, '0')).join('');
}
