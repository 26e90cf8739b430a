import type { Logger } from 'pino';
import { backoffDelay } from '../../base/backoff.ts';
import { type Clock, pause } from '../../base/clock.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError, isOfDeletedNamespace } from '../kube/api-error.ts';
import { WriteTurns } from '../kube/write-turns.ts';
import { type EventContent, eventObject, events, microTime, type Regarding, type Reporter } from './event.ts';
import { SpamGuard } from './spam-guard.ts';

/** The same Event no farther than this from the one before belongs to its series (KEP-383; client-go's finishTime). */
const finishMs = 6 * 60_000;

/** How often a series that goes on is written, so that it does not expire after an hour (KEP-383). */
const refreshMs = 30 * 60_000;

/** How often it is looked whether a series has to be written or has ended. */
const sweepMs = 60_000;

/** Series remembered. The oldest makes room. */
const maxSeries = 256;

/** Maximum number of writes at a time, of all namespaces. */
const maxWrites = 4;

/**
 * Maximum number of pending writes of one namespace, and of all. Further Events are dropped, because Events are best
 * effort: those of the namespace with the most pending writes.
 */
const maxWaitingPerNamespace = 64;
const maxWaiting = 256;

/** How often, and how long apart, one write is tried while the API server is away or overloaded; then it is dropped. */
const maxTries = 12;
const backoff = { baseMs: 10_000, maxMs: 60_000 };

/** An Event that is or will be at the API server, and how often it happened. */
interface Series {
  event: ReturnType<typeof eventObject>;
  count: number;
  /** Monotonic milliseconds. */
  lastAt: number;
  /** The same moment in milliseconds since the epoch. */
  lastObservedMs: number;
  /** What the API server knows: 0 where it knows nothing yet. */
  writtenCount: number;
  /** Monotonic milliseconds. */
  writtenAt: number;
}

interface PendingWrite {
  /** Of the series. */
  key: string;
  series: Series;
}

/** The pending writes of one namespace. */
interface Pending {
  /** At least one; the first is in progress. */
  writes: PendingWrite[];
  /** Resolves after the last of them. */
  done: Promise<void>;
}

/**
 * Writes Events (KEP-383) asynchronously, those of one namespace one at a time; failures are only logged. So a slow
 * admission webhook delays only the Events of its namespaces. The first and second Event of a series are written
 * immediately, and later counts every half hour and at the end of the series. Unlike in client-go, Events with
 * different notes are different, because notes name the object concerned.
 */
export class EventRecorder {
  readonly #client: Pick<ApiClient, 'create' | 'mergePatch'>;
  readonly #reporter: Reporter;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #log: Logger;
  readonly #series = new Map<string, Series>();
  readonly #guard: SpamGuard;
  readonly #closing = new AbortController();
  readonly #dropping = new AbortController();
  #cancelSweep: (() => void) | undefined;
  readonly #turns: WriteTurns;
  /** By namespace. */
  readonly #pending = new Map<string, Pending>();

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
    this.#guard = new SpamGuard(options.clock);
    this.#turns = new WriteTurns(options.clock, maxWrites);
  }

  record(content: EventContent, regarding: Regarding): void {
    if (this.#dropping.signal.aborted) return;
    const now = this.#clock.monotonic();
    const key = JSON.stringify([content, regarding.metadata.uid]);
    const series = this.#series.get(key);
    if (series && now - series.lastAt < finishMs) {
      series.count++;
      series.lastAt = now;
      series.lastObservedMs = this.#clock.wall();
      if (series.count === 2) this.#enqueue(key, series);
      return;
    }
    if (series && series.count > series.writtenCount) this.#enqueue(key, series);
    this.#begin(key, content, regarding);
  }

  /** Resolves when what was to be written so far has been written or has failed. */
  async flushed(): Promise<void> {
    await Promise.all([...this.#pending.values()].map(({ done }) => done));
  }

  /** Writes the counts that only we know and ends; what fails now is not tried again. */
  close(): Promise<void> {
    this.#closing.abort();
    this.#cancelSweep?.();
    for (const [key, series] of this.#series) if (series.count > series.writtenCount) this.#enqueue(key, series);
    return this.flushed();
  }

  /** Discards what is pending and ends. */
  drop(): Promise<void> {
    this.#closing.abort();
    this.#cancelSweep?.();
    for (const { writes } of this.#pending.values()) writes.splice(1);
    this.#dropping.abort();
    return this.flushed();
  }

  /** Tells an Event that is not of any series yet. */
  #begin(key: string, content: EventContent, regarding: Regarding): void {
    const { uid } = regarding.metadata;
    if (!this.#guard.admits(uid)) {
      this.#log.debug(
        { reason: content.reason, regarding: regarding.metadata.name },
        'dropped an Event: too many Events about one object',
      );
      return;
    }
    const eventMs = this.#clock.wall();
    const now = this.#clock.monotonic();
    const suffix = [eventMs.toString(16), Math.floor(this.#random() * 2 ** 32).toString(16)].join('');
    const event = eventObject(content, regarding, this.#reporter, suffix, eventMs);
    const series: Series = { event, count: 1, lastAt: now, lastObservedMs: eventMs, writtenCount: 0, writtenAt: now };
    this.#series.delete(key);
    this.#series.set(key, series);
    const [oldest] = this.#series.keys();
    if (this.#series.size > maxSeries) this.#series.delete(oldest!);
    this.#enqueue(key, series);
    this.#cancelSweep ??= this.#clock.after(sweepMs, () => this.#sweep());
  }

  #enqueue(key: string, series: Series): void {
    const { namespace } = series.event.metadata;
    const pending = this.#pending.get(namespace);
    if (!this.#makesRoom(pending?.writes.length ?? 0)) this.#discard({ key, series });
    else if (pending) pending.writes.push({ key, series });
    else {
      const writes = [{ key, series }];
      this.#pending.set(namespace, { writes, done: Promise.resolve().then(() => this.#writeAll(namespace, writes)) });
    }
  }

  /**
   * Makes room for a write of a namespace, at the cost of the one with the most.
   * @param count pending writes of the namespace
   * @returns false if the namespace has its share
   */
  #makesRoom(count: number): boolean {
    if (count >= maxWaitingPerNamespace) return false;
    const all = [...this.#pending.values()].map(({ writes }) => writes);
    if (all.reduce((sum, { length }) => sum + length, 0) < maxWaiting) return true;
    const most = all.reduce((a, b) => (b.length > a.length ? b : a));
    if (most.length <= count + 1) return false;
    this.#discard(most.pop()!);
    return true;
  }

  #discard({ key, series }: PendingWrite): void {
    const { reason } = series.event;
    this.#log.warn({ reason }, 'dropped an Event: too many Events are waiting to be written');
    this.#forget(key, series);
  }

  async #writeAll(namespace: string, writes: PendingWrite[]): Promise<void> {
    for (let next = writes[0]; next; next = writes[0]) {
      const { key, series } = next;
      await this.#write(series).catch((error) => {
        const isExpected = this.#dropping.signal.aborted || isOfDeletedNamespace(error);
        const level = isExpected ? 'debug' : 'warn';
        this.#log[level]({ err: error, reason: series.event.reason }, 'cannot write Event');
        this.#forget(key, series);
      });
      writes.shift();
    }
    this.#pending.delete(namespace);
  }

  /** So that the next Event of its kind starts a new series. */
  #forget(key: string, series: Series): void {
    if (series.writtenCount === 0 && this.#series.get(key) === series) this.#series.delete(key);
  }

  async #write(series: Series): Promise<void> {
    // What is counted while this is being written is for the next time.
    const wanted = series.count;
    for (let tries = 1; series.writtenCount < wanted; tries++) {
      try {
        const { namespace } = series.event.metadata;
        await this.#turns.run(namespace, this.#dropping.signal, (signal) => this.#writeOnce(series, wanted, signal));
      } catch (error) {
        // What the API server refuses it will refuse again. Cancelled: the write was slow, and others waited.
        const mayPass = isApiError(error, 'Cancelled', 'Timeout', 'TooManyRequests', 'Unavailable', 'Unexpected');
        if (!mayPass || tries >= maxTries || this.#closing.signal.aborted) throw error;
        await pause(this.#clock, backoffDelay(tries, backoff, this.#random), this.#closing.signal);
      }
    }
  }

  /** @returns true: something was written */
  async #writeOnce(series: Series, count: number, signal: AbortSignal): Promise<true> {
    const { metadata } = series.event;
    const patch = count > 1 ? { series: { count, lastObservedTime: microTime(series.lastObservedMs) } } : {};
    let written = count;
    if (series.writtenCount === 0 || !(await this.#patch(metadata, patch, signal)))
      await this.#client.create(events, metadata.namespace, { ...series.event, ...patch }, signal).catch((error) => {
        // An attempt before this one did it, and its answer was lost. With which count is for a patch to settle.
        if (!isApiError(error, 'AlreadyExists')) throw error;
        written = 1;
      });
    series.writtenCount = Math.max(series.writtenCount, written);
    series.writtenAt = this.#clock.monotonic();
    return true;
  }

  /** @returns false where the Event has expired meanwhile */
  async #patch(place: { namespace: string; name: string }, patch: object, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#client.mergePatch(events, place, patch, signal);
      return true;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return false;
      throw error;
    }
  }

  /** Writes what is due and forgets what has ended. */
  #sweep(): void {
    const now = this.#clock.monotonic();
    for (const [key, series] of this.#series) {
      const ended = now - series.lastAt >= finishMs;
      const due = ended || now - series.writtenAt >= refreshMs;
      if (due && series.count > series.writtenCount) this.#enqueue(key, series);
      if (ended) this.#series.delete(key);
    }
    this.#cancelSweep = this.#series.size > 0 ? this.#clock.after(sweepMs, () => this.#sweep()) : undefined;
  }
}
