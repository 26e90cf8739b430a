import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { backoffDelay } from '../../base/backoff.ts';
import { type Clock, pause } from '../../base/clock.ts';
import type { NetExporter, NetExporterStatus } from '../../crd/net-exporter.ts';
import { keptNetExporterOf } from '../cache/kept-net-exporter.ts';
import { MutationCache } from '../cache/mutation-cache.ts';
import { netExporters } from '../cache/watched-kinds.ts';
import type { ApiClient } from '../kube/api-client.ts';
import { isApiError } from '../kube/api-error.ts';
import { WriteTurns } from '../kube/write-turns.ts';

/** Minimum time between writes of one object's status. */
const intervalMs = 1000;

/**
 * Maximum number of writes at a time, of all objects: a quarter of the connections. A slow admission webhook would
 * otherwise hold all of them.
 */
const maxWrites = 8;

/** Attempts of one write after conflicts, each with the newest version of the object. */
const attempts = 4;

/**
 * Back-off after failed writes. The maximum is low, so that an API server that recovers has the status within seconds.
 */
const backoff = { baseMs: 2 * intervalMs, maxMs: 5000 };

/** A status that was written, and the previous one. */
export interface WrittenStatus {
  before: NetExporterStatus | undefined;
  after: NetExporterStatus;
}

/** A status to be written. */
export interface StatusRequest {
  /** As last observed; may be stale. */
  resource: NetExporter;
  /** Computes the status from the previous one. Called when the status is written, perhaps more than once. */
  compute: (previous: NetExporterStatus | undefined) => NetExporterStatus;
  /**
   * Called after the write; not called without a change, if the object was deleted, or if a later request replaced this
   * one.
   */
  written: (status: WrittenStatus) => void;
  log: Logger;
}

/** The state of one object's writes. */
interface Slot {
  /** The next request. */
  wanted: StatusRequest | undefined;
  writing: boolean;
  /** The object was deleted. */
  isDeleted: boolean;
  failures: number;
  /** How long the next write waits, in milliseconds. */
  delayMs: number;
  /** The message of the last failure; empty after a success. */
  reported: string;
  done: Promise<void>;
}

/**
 * Writes the status of NetExporters asynchronously: only if it differs, only over the version from which it was
 * computed, at most once a second per object, and only a few at a time. Of the requests that arrive meanwhile, the last
 * one is written.
 */
export class StatusWriter {
  readonly #client: Pick<ApiClient, 'get' | 'mergePatch'>;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #turns: WriteTurns;
  readonly #written = new MutationCache<NetExporter>();
  /**
   * By uid: a status that the API server stores differently than written, such as without fields that its CRD does not
   * have.
   */
  readonly #accepted = new Map<string, { written: NetExporterStatus; kept: NetExporterStatus | undefined }>();
  /** By uid; only objects with pending writes. */
  readonly #slots = new Map<string, Slot>();
  readonly #end = new AbortController();
  #stopping = false;

  constructor(options: {
    client: Pick<ApiClient, 'get' | 'mergePatch'>;
    clock: Clock;
    /** Uniform in [0, 1). */
    random: () => number;
  }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#turns = new WriteTurns(options.clock, maxWrites);
  }

  /** Requests a write. It replaces a pending request for the same object. */
  write(request: StatusRequest): void {
    if (this.#end.signal.aborted) return;
    const { uid } = request.resource.metadata;
    const slot = this.#slots.get(uid);
    if (slot) slot.wanted = request;
    else this.#open(uid, request);
  }

  /** Forgets an object that was deleted. */
  forget(uid: string): void {
    this.#written.forget(uid);
    this.#accepted.delete(uid);
    const slot = this.#slots.get(uid);
    if (!slot) return;
    slot.wanted = undefined;
    slot.isDeleted = true;
  }

  /** Forgets all writes: the API server was restored to a state that may not contain them. */
  forgetWrites(): void {
    this.#written.clear();
    this.#accepted.clear();
  }

  /** Resolves when all pending requests are written, at the latest after `graceMs`. Writes nothing afterwards. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    const busy = [...this.#slots.values()].filter(({ wanted, writing }) => wanted || writing);
    const patience = new AbortController();
    await Promise.race([
      Promise.all(busy.map(({ done }) => done)),
      ...(busy.length > 0 ? [pause(this.#clock, graceMs, patience.signal)] : []),
    ]);
    patience.abort();
    this.#end.abort(new Error('the operator is stopping'));
  }

  #open(uid: string, request: StatusRequest): void {
    const state = { writing: false, isDeleted: false, failures: 0, delayMs: 0, reported: '' };
    const slot: Slot = { wanted: request, ...state, done: Promise.resolve() };
    this.#slots.set(uid, slot);
    slot.done = this.#run(uid, slot);
  }

  /** Writes until no request is pending. Lasts through the interval after a write, so that the next one waits. */
  async #run(uid: string, slot: Slot): Promise<void> {
    const { signal } = this.#end;
    while (slot.wanted && !signal.aborted) {
      slot.delayMs = 0;
      const { namespace } = slot.wanted.resource.metadata;
      await this.#turns
        .run(namespace, signal, (turn) => this.#writeWanted(slot, turn))
        // Only the wait for a turn rejects: the operator is stopping.
        .catch(() => {});
      if (slot.delayMs > 0 && (slot.wanted || !this.#stopping)) await pause(this.#clock, slot.delayMs, signal);
    }
    this.#slots.delete(uid);
    // The response of a write may have come after the watch had shown the deletion.
    if (slot.isDeleted) this.forget(uid);
  }

  /**
   * Writes what is wanted now that it is this object's turn. Never rejects.
   * @returns whether something was written
   */
  async #writeWanted(slot: Slot, signal: AbortSignal): Promise<boolean> {
    const request = slot.wanted;
    if (!request) return false;
    slot.wanted = undefined;
    slot.writing = true;
    try {
      const hasWritten = await this.#write(request, slot.failures > 0, signal);
      slot.failures = 0;
      slot.reported = '';
      slot.delayMs = hasWritten ? intervalMs : 0;
      return hasWritten;
    } catch (error) {
      slot.wanted ??= request;
      const { message } = error as Error;
      // Once per new cause, so that retries do not fill the log.
      if (message !== slot.reported) request.log.warn({ err: error }, 'cannot update status, will retry');
      slot.reported = message;
      slot.delayMs = backoffDelay(++slot.failures, backoff, this.#random);
      return false;
    } finally {
      slot.writing = false;
    }
  }

  /**
   * @param doubtful whether the last write failed: it may have taken effect nevertheless, so the object must be read
   *   first
   * @returns whether something was written
   */
  async #write(
    { resource, compute, written }: StatusRequest,
    doubtful: boolean,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { namespace, name, uid } = resource.metadata;
    let current = doubtful ? await this.#read(resource, signal) : this.#written.newest(resource);
    for (let attempt = 1; current?.metadata.uid === uid; attempt++) {
      const before = current.status;
      const after = compute(before);
      if (isDeepStrictEqual(before, after) || this.#isAccepted(uid, before, after)) return false;
      const status = mergePatchOf(before, after);
      const patch = { metadata: { uid, resourceVersion: current.metadata.resourceVersion }, status };
      try {
        const place = { namespace, name, subresource: 'status' };
        const answer = await this.#client.mergePatch(netExporters, place, patch, signal);
        const patched = keptNetExporterOf(answer);
        this.#written.note(patched);
        this.#accept(uid, after, patched.status);
        written({ before, after });
        return true;
      } catch (error) {
        if (isApiError(error, 'NotFound')) return false;
        if (!isApiError(error, 'Conflict') || attempt === attempts) throw error;
      }
      current = await this.#read(resource, signal);
    }
    return false;
  }

  #accept(uid: string, written: NetExporterStatus, kept: NetExporterStatus | undefined): void {
    if (isDeepStrictEqual(written, kept)) this.#accepted.delete(uid);
    else this.#accepted.set(uid, { written, kept });
  }

  /** Whether this write was tried before and changed nothing. */
  #isAccepted(uid: string, before: NetExporterStatus | undefined, after: NetExporterStatus): boolean {
    const accepted = this.#accepted.get(uid);
    return isDeepStrictEqual(accepted, { written: after, kept: before });
  }

  async #read({ metadata }: NetExporter, signal: AbortSignal): Promise<NetExporter | undefined> {
    const { namespace, name, uid } = metadata;
    const answer = await this.#client.get(netExporters, { namespace, name }, signal);
    const found = answer && keptNetExporterOf(answer);
    // It may contain a write without a response that the watch has not shown yet.
    if (found?.metadata.uid === uid) this.#written.note(found);
    return found;
  }
}

/** The merge patch (RFC 7386) from `before` to `after`, in which null removes a field. */
function mergePatchOf(before: object | undefined, after: object): object {
  const old: Record<string, unknown> = { ...before };
  const gone = Object.keys(old).map((name) => [name, null]);
  const set = Object.entries(after).map(([name, value]) => [
    name,
    isRecord(value) && isRecord(old[name]) ? mergePatchOf(old[name], value) : value,
  ]);
  return Object.fromEntries([...gone, ...set]);
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
