import { backoffDelay } from '../../base/backoff.ts';
import { type Clock, pause } from '../../base/clock.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { WriteTurns } from '../kube/write-turns.ts';
import {
  type EventContent,
  eventName,
  type eventObject,
  events,
  microTime,
  type Occurrence,
  type Regarding,
} from './event.ts';

/** Maximum number of writes at a time, of all namespaces. */
const maxWrites = 4;

/**
 * Maximum number of pending writes of one namespace, and of all. Further Events are withheld: those of the namespace
 * with the most pending writes.
 */
const maxWaitingPerNamespace = 64;
const maxWaiting = 256;

/** How often, and how long apart, one write is tried while the API server is away or overloaded; then it is dropped. */
const maxTries = 12;
const backoff = { baseMs: 10_000, maxMs: 60_000 };

/** An Event that is or will be at the API server, and how often it happened. */
export interface Series {
  content: EventContent;
  regarding: Regarding;
  occurrence: Occurrence | undefined;
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

/** The pending writes of one namespace. */
interface Pending {
  /** At least one; the first is in progress. */
  writes: Series[];
  /** Resolves after the last of them. */
  done: Promise<void>;
}

export interface EventWriterParts {
  client: Pick<ApiClient, 'create' | 'mergePatch'>;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Makes a name of an Event unique. */
  uniqueSuffix: () => string;
  /** There is no room for this write. */
  onFull: (series: Series) => void;
  /** A write has failed and is not tried again. */
  onFailed: (series: Series, error: unknown) => void;
}

/** The pending writes of Events: those of one namespace one at a time, and only a few namespaces at a time. */
export class EventWriter {
  readonly #parts: EventWriterParts;
  readonly #turns: WriteTurns;
  readonly #closing = new AbortController();
  readonly #dropping = new AbortController();
  /** By namespace. */
  readonly #pending = new Map<string, Pending>();

  constructor(parts: EventWriterParts) {
    this.#parts = parts;
    this.#turns = new WriteTurns(parts.clock, maxWrites);
  }

  /** Writes what the API server does not know of a series. */
  enqueue(series: Series): void {
    const { namespace } = series.event.metadata;
    const pending = this.#pending.get(namespace);
    if (!this.#makesRoom(pending?.writes.length ?? 0)) this.#reject(series, pending?.writes);
    else if (pending) pending.writes.push(series);
    else {
      const writes = [series];
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
    this.#reject(most.pop()!, most);
    return true;
  }

  /** One whose first write is in progress is not reported: only its count is not written yet. */
  #reject(series: Series, writes: readonly Series[] | undefined): void {
    if (writes?.[0] !== series) this.#parts.onFull(series);
  }

  /** Resolves when what was to be written so far has been written or has failed. */
  async flushed(): Promise<void> {
    await Promise.all([...this.#pending.values()].map(({ done }) => done));
  }

  /** From now on no write is tried again. */
  close(): void {
    this.#closing.abort();
  }

  /** Aborts the writes in progress, which fail. @returns the others */
  drop(): Series[] {
    this.close();
    const others = [...this.#pending.values()].flatMap(({ writes }) => writes.splice(1));
    this.#dropping.abort();
    return others;
  }

  async #writeAll(namespace: string, writes: Series[]): Promise<void> {
    for (let series = writes[0]; series; series = writes[0]) {
      await this.#write(series).catch((error) => this.#parts.onFailed(series!, error));
      writes.shift();
    }
    this.#pending.delete(namespace);
  }

  async #write(series: Series): Promise<void> {
    // What is counted while this is being written is for the next time.
    const wanted = series.count;
    for (let tries = 1; series.writtenCount < wanted; tries++) {
      try {
        const { namespace } = series.event.metadata;
        const isFirst = tries === 1;
        await this.#turns.run(namespace, this.#dropping.signal, (signal) =>
          this.#writeOnce(series, wanted, isFirst, signal),
        );
      } catch (error) {
        // What the API server refuses it will refuse again. Cancelled: the write was slow, and others waited.
        const mayPass = isApiError(error, 'Cancelled', 'Timeout', 'TooManyRequests', 'Unavailable', 'Unexpected');
        if (!mayPass || tries >= maxTries || this.#closing.signal.aborted) throw error;
        await pause(this.#parts.clock, backoffDelay(tries, backoff, this.#parts.random), this.#closing.signal);
      }
    }
  }

  /** @returns true: something was written */
  async #writeOnce(series: Series, count: number, isFirst: boolean, signal: AbortSignal): Promise<true> {
    const { metadata } = series.event;
    const patch = count > 1 ? { series: { count, lastObservedTime: microTime(series.lastObservedMs) } } : {};
    let written = count;
    if (series.writtenCount === 0 || !(await this.#patch(metadata, patch, signal)))
      await this.#parts.client
        .create(events, metadata.namespace, { ...series.event, ...patch }, signal)
        .catch((error) => {
          if (!isApiError(error, 'AlreadyExists')) throw error;
          if (isFirst && series.occurrence?.mayExist === false) return this.#createRenamed(series, patch, signal);
          // An attempt before this one wrote it, and its answer was lost, or another process did. A patch then writes
          // the count.
          written = 1;
          return undefined;
        });
    series.writtenCount = Math.max(series.writtenCount, written);
    series.writtenAt = this.#parts.clock.monotonic();
    return true;
  }

  /** The same occurrence a second time: the first one has the name. */
  #createRenamed(series: Series, patch: object, signal: AbortSignal): Promise<unknown> {
    const { namespace } = series.event.metadata;
    const name = eventName(series.regarding.metadata.name, this.#parts.uniqueSuffix());
    series.event = { ...series.event, metadata: { namespace, name } };
    return this.#parts.client.create(events, namespace, { ...series.event, ...patch }, signal);
  }

  /** @returns false where the Event has expired meanwhile */
  async #patch(place: { namespace: string; name: string }, patch: object, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#parts.client.mergePatch(events, place, patch, signal);
      return true;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return false;
      throw error;
    }
  }
}
