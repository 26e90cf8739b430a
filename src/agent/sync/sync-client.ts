import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import { decodeSyncAnswer, encodeSyncRequest, type SyncAnswer, type SyncRequest } from '../../protocol/sync.ts';
import type { SyncAccess } from '../../protocol/sync-access.ts';
import type { Log } from '../log.ts';
import { RetryPolicy } from './retry-policy.ts';
import { SyncError, type SyncFailure } from './sync-error.ts';

/** A way to the operator. */
export interface SyncTransport {
  /**
   * Posts a request.
   * @returns the answer's body
   * @throws SyncError, also when `signal` is aborted
   */
  post(access: SyncAccess, body: string, signal: AbortSignal): Promise<string>;
  /** Lets go of what is open; a later post opens it again. */
  close(): void;
}

/** What is said to the operator, and who hears what it answers. */
export interface SyncDialogue {
  /** What to say now. */
  request(): SyncRequest;
  /** @returns whether the answer brought anything new */
  answered(request: SyncRequest, answer: SyncAnswer): boolean;
  /** What is left to say before the end; undefined: nothing. It is the same until it is acknowledged. */
  lastRequest(): SyncRequest | undefined;
  /** @returns whether the answer acknowledges what was said */
  lastAnswered(answer: SyncAnswer): boolean;
}

/** What the client tells about itself. */
export interface SyncEvents {
  requested(result: 'ok' | SyncFailure): void;
}

/** What the client is made of. */
export interface SyncClientParts {
  connection: SyncTransport;
  dialogue: SyncDialogue;
  events: SyncEvents;
  clock: Clock;
  /** From 0 to below 1. */
  random: () => number;
  log: Log;
}

/** How long nothing is written about the operator again, in milliseconds, however often it comes and goes. */
const quietMs = 60_000;

/**
 * Asks the operator, again and again, one request at a time: the operator holds each until there is something new. Trouble changes nothing of
 * what the agent does but when it asks next; it is counted, and written about when it begins, changes or ends.
 */
export class SyncClient {
  readonly #parts: SyncClientParts;
  readonly #retries: RetryPolicy;
  #access: SyncAccess | undefined;
  #run: AbortController | undefined;
  #endRest = () => {};
  #said: { result: string; at: number } | undefined;

  constructor(parts: SyncClientParts) {
    this.#parts = parts;
    this.#retries = new RetryPolicy(parts.random);
  }

  /**
   * Asks this operator from now on; undefined: none. A request under way goes on while there is one; one that waits for its time is made at once.
   */
  use(access: SyncAccess | undefined): void {
    if (isDeepStrictEqual(access, this.#access)) return;
    this.#access = access;
    this.#endRest();
    if (!access) {
      this.#run?.abort();
      this.#run = undefined;
      this.#parts.connection.close();
    } else if (!this.#run) {
      const run = new AbortController();
      this.#run = run;
      // Not before whoever tells the access is through: at a start it has yet to look at what is held.
      queueMicrotask(() => void this.#repeat(run.signal));
    }
  }

  /**
   * Says what is left to say, and asks no more from now on. A request that is held is given up for that: nobody waits for its answer any
   * more, and what it said is said again unless it was acknowledged. It is tried once: whoever ends cannot wait for another leader.
   * Never rejects.
   * @param withinMs how long it may take in all
   */
  async finish(withinMs: number): Promise<void> {
    const { connection, dialogue, clock, events, log } = this.#parts;
    const access = this.#access;
    this.use(undefined);
    if (!access) return;
    const end = new AbortController();
    const cancel = clock.after(withinMs, () => end.abort());
    try {
      for (let request = dialogue.lastRequest(); request; request = dialogue.lastRequest()) {
        const answer = understood(await connection.post(access, encodeSyncRequest(request), end.signal));
        events.requested('ok');
        if (!dialogue.lastAnswered(answer)) return;
      }
    } catch (caught) {
      const { code, message } = end.signal.aborted
        ? new SyncError('timeout', `no response within ${withinMs} ms`)
        : syncErrorOf(caught);
      events.requested(code);
      log('warn', 'final report not delivered', { code, reason: message });
    } finally {
      cancel();
      connection.close();
    }
  }

  async #repeat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const delayMs = await this.#ask(signal);
      if (delayMs > 0) await this.#rest(delayMs);
    }
  }

  /** Resolves after the time, or when there is a reason not to wait. */
  #rest(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#parts.clock.after(delayMs, resolve);
    this.#endRest = () => {
      cancel();
      resolve();
    };
    return promise;
  }

  /** @returns in how many milliseconds to ask again */
  async #ask(signal: AbortSignal): Promise<number> {
    const { connection, dialogue, clock, events } = this.#parts;
    const startedAt = clock.monotonic();
    try {
      const request = dialogue.request();
      const body = await connection.post(this.#access!, encodeSyncRequest(request), signal);
      if (signal.aborted) return 0;
      const news = dialogue.answered(request, understood(body));
      events.requested('ok');
      this.#tell('ok');
      return this.#retries.answered(news, clock.monotonic() - startedAt);
    } catch (caught) {
      if (signal.aborted) return 0;
      const error = syncErrorOf(caught);
      events.requested(error.code);
      this.#tell(error.code, error.message);
      return this.#retries.failed(error);
    }
  }

  #tell(result: 'ok' | SyncFailure, reason?: string): void {
    const { clock, log } = this.#parts;
    const at = clock.monotonic();
    if (this.#said && (this.#said.result === result || at - this.#said.at < quietMs)) return;
    this.#said = { result, at };
    if (result === 'ok') log('info', 'in sync with the operator');
    else log('warn', 'cannot sync with the operator, keeping the current settings and peers', { code: result, reason });
  }
}

/** What is wrong with an answer, or with us, must not end the probes. */
function syncErrorOf(caught: unknown): SyncError {
  return caught instanceof SyncError ? caught : new SyncError('fault', (caught as Error).message);
}

function understood(body: string): SyncAnswer {
  try {
    return decodeSyncAnswer(body);
  } catch (error) {
    throw new SyncError('malformed', (error as Error).message);
  }
}
